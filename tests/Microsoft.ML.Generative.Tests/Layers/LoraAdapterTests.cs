using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class LoraAdapterTests : IDisposable
{
    private static readonly LoraInitialization[] _all = Enum.GetValues<LoraInitialization>();

    private readonly DisposeScope _scope = NewDisposeScope();

    public LoraAdapterTests() => manual_seed(3).Dispose();

    public static TheoryData<LoraInitialization> Initializations => [.. _all];

    public void Dispose() => _scope.Dispose();

    // torchtune's tests/torchtune/modules/peft/test_utils.py.
    [Fact]
    public void The_merged_weight_is_that_of_torchtune()
    {
        Linear layer = Layer();
        layer.Attach(Adapter(hasMagnitude: false));
        layer.MergeAdapters();
        AssertClose(
            [
                [8.5, 10, 11.5, 13], [14.5, 18, 21.5, 25], [20.5, 26, 31.5, 37], [26.5, 34, 41.5, 49], [32.5, 42, 51.5, 61],
                [38.5, 50, 61.5, 73],
            ],
            layer.Weight.Dense(), 1e-5);
    }

    [Fact]
    public void The_merged_weight_with_magnitudes_is_that_of_torchtune()
    {
        Linear layer = Layer();
        LoraAdapter adapter = Adapter(hasMagnitude: true);
        using (no_grad())
            adapter.Magnitude!.copy_(arange(1, 7));
        layer.Attach(adapter);
        Tensor x = randn(3, 4), adapted = layer.call(x);
        layer.MergeAdapters();
        Tensor merged = layer.Weight.Dense();
        AssertClose([[.3906, .4596, .5285, .5974]], merged.narrow(0, 0, 1), 1e-4);
        AssertClose([[2.0188, 2.6218, 3.2248, 3.8278]], merged.narrow(0, 5, 1), 1e-4);
        Assert.True(layer.call(x).allclose(adapted, 1e-4, 1e-5));
    }

    [Theory]
    [MemberData(nameof(Initializations))]
    public void The_output_is_unchanged_at_the_start(LoraInitialization kind)
    {
        foreach (bool hasMagnitude in (bool[])[false, true])
        {
            Linear layer = Fused();
            Tensor x = randn(2, 7, 8), plain = layer.call(x).detach();
            foreach (string part in (string[])[LayerPart.Query, LayerPart.Value])
                Attach(layer, part, kind, hasMagnitude);
            Tensor adapted = layer.call(x);
            if (kind == LoraInitialization.Orthogonal)
                Assert.True(adapted.allclose(plain, 1e-4, 1e-5));
            else
                Assert.True(adapted.allclose(plain, 0, 0), $"{kind} {hasMagnitude}");
        }
    }

    [Theory]
    [MemberData(nameof(Initializations))]
    public void Merging_changes_no_output(LoraInitialization kind)
    {
        foreach (bool hasMagnitude in (bool[])[false, true])
        {
            Linear layer = Fused();
            foreach (string part in (string[])[LayerPart.Query, LayerPart.Value])
                Disturb(Attach(layer, part, kind, hasMagnitude));
            Tensor x = randn(2, 7, 8), plain = layer.Weight.Dense().clone(), adapted = layer.call(x).detach();
            layer.MergeAdapters();
            Assert.True(layer.call(x).allclose(adapted, 1e-4, 1e-4));
            Assert.True(layer.Weight.Dense().narrow(0, 12, 6).allclose(plain.narrow(0, 12, 6), 0, 0), "the keys have no adapter");
            Assert.False(layer.Weight.Dense().allclose(plain, 1e-2, 1e-2));
        }
    }

    [Theory]
    [InlineData(LoraInitialization.Pissa)]
    [InlineData(LoraInitialization.Olora)]
    public void The_change_from_initial_matrices_is_an_ordinary_adapter_of_twice_the_rank(LoraInitialization kind)
    {
        Linear layer = Fused();
        LoraAdapter adapter = Attach(layer, LayerPart.Query, kind, hasMagnitude: false);
        Disturb(adapter);
        Assert.Equal(["initialA", "initialB"], adapter.named_buffers().Select(buffer => buffer.name).Order());
        LoraAdapter plain = adapter.ToPlain();
        Assert.Equal(2 * adapter.Rank, plain.Rank);
        Assert.False(plain.HasInitial);
        Assert.True(plain.Delta().allclose(adapter.Delta(), 1e-4, 1e-5));
    }

    [Fact]
    public void PiSSA_takes_the_principal_part_of_the_weight()
    {
        // Singular values 4, 2, 1 along the axes.
        Linear layer = new(3, 3);
        using (no_grad())
            layer.Weight.Dense().copy_(tensor(new float[,] { { 4, 0, 0 }, { 0, 2, 0 }, { 0, 0, 1 } }));
        var adapter = new LoraAdapter([3, 3], rank: 2, scale: 0.5);
        LoraInitializer.Initialize(adapter, LoraInitialization.Pissa, new AdaptedRows(layer));
        AssertClose([[4, 0, 0], [0, 2, 0], [0, 0, 0]], adapter.B.mm(adapter.A) * 0.5, 1e-5);
        AssertClose([[Math.Sqrt(8), 0, 0], [0, 2, 0]], adapter.A.abs(), 1e-5);
    }

    [Fact]
    public void OLoRA_takes_an_orthonormal_basis_of_the_weight()
    {
        Linear layer = new(6, 5);
        var adapter = new LoraAdapter([5, 6], rank: 3, scale: 2);
        LoraInitializer.Initialize(adapter, LoraInitialization.Olora, new AdaptedRows(layer));
        AssertClose([[1, 0, 0], [0, 1, 0], [0, 0, 1]], adapter.B.t().mm(adapter.B), 1e-5);
        // What Q R and W have in common: the first columns of R that are complete.
        Assert.True(adapter.B.mm(adapter.A).narrow(1, 0, 3).allclose(layer.Weight.Dense().narrow(1, 0, 3), 1e-4, 1e-5));
    }

    [Fact]
    public void Random_initial_matrices_have_the_published_spread()
    {
        var adapter = new LoraAdapter([300, 400], rank: 16, scale: 1);
        LoraInitializer.Initialize(adapter, LoraInitialization.Default, new AdaptedRows(new Linear(400, 300)));
        Assert.InRange(adapter.A.abs().max().item<float>(), 0.0499f, 0.05f);
        Assert.InRange(adapter.A.std().item<float>(), 0.95 * 0.05 / Math.Sqrt(3), 1.05 * 0.05 / Math.Sqrt(3));
        Assert.Equal(0, adapter.B.abs().max().item<float>());

        LoraInitializer.Initialize(adapter, LoraInitialization.Gaussian, new AdaptedRows(new Linear(400, 300)));
        Assert.InRange(adapter.A.std().item<float>(), 0.95 / 16, 1.05 / 16);
        Assert.Equal(0, adapter.B.abs().max().item<float>());

        LoraInitializer.Initialize(adapter, LoraInitialization.Orthogonal, new AdaptedRows(new Linear(400, 300)));
        // A sum of eight squares of normal numbers over one of sixteen orthonormal columns, a tenth of it.
        Assert.InRange(adapter.A.std().item<float>(), 0.9 * 0.1 / Math.Sqrt(2), 1.1 * 0.1 / Math.Sqrt(2));
        Assert.InRange(adapter.B.std().item<float>(), 0.9 * 0.1 / Math.Sqrt(2), 1.1 * 0.1 / Math.Sqrt(2));
        Assert.InRange(adapter.Delta().abs().max().item<float>(), 0, 1e-5);
    }

    [Fact]
    public void Gradients_reach_the_adapter_and_the_input()
    {
        Linear layer = Fused();
        layer.Weight.Dense().requires_grad = false;
        LoraAdapter adapter = Attach(layer, LayerPart.Value, LoraInitialization.Default, hasMagnitude: true);
        Disturb(adapter);
        Tensor x = randn([3, 8], requires_grad: true);
        layer.call(x).square().sum().backward();
        Assert.Null(layer.Weight.Dense().grad);
        foreach (Tensor learned in (Tensor[])[adapter.A, adapter.B, adapter.Magnitude!, x])
            Assert.True(learned.grad!.abs().max().item<float>() > 0);

        // ‖W + s B A‖ is a constant for the gradient (DoRA, 4.3): that of the magnitude is x's part of the output over the length.
        Tensor row = layer.Weight.Dense().narrow(0, 18, 6) + adapter.Delta(); // [6, inputs]
        Tensor output = layer.call(x).narrow(1, 18, 6).detach(), direction = row / row.norm(1, keepdim: true);
        Assert.True(adapter.Magnitude!.grad!.allclose((2 * output * x.detach().mm(direction.t())).sum([0]), 1e-3, 1e-4));
    }

    [Fact]
    public void Dropout_acts_in_training_alone()
    {
        Linear layer = new(8, 6);
        var adapter = new LoraAdapter([6, 8], rank: 2, scale: 1, dropout: 0.5);
        LoraInitializer.Initialize(adapter, LoraInitialization.Default, new AdaptedRows(layer));
        Disturb(adapter);
        layer.Attach(adapter);
        layer.eval();
        Tensor x = randn(4, 8), expected = layer.call(x);
        Assert.True(layer.call(x).allclose(expected, 0, 0));
        layer.train();
        Assert.False(layer.call(x).allclose(expected, 1e-3, 1e-3));
        layer.MergeAdapters();
        Assert.True(layer.call(x).allclose(expected, 1e-4, 1e-5));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void An_adapter_that_is_not_finite_is_not_merged(float value)
    {
        Linear layer = Fused();
        Disturb(Attach(layer, LayerPart.Query, LoraInitialization.Default, hasMagnitude: false));
        LoraAdapter damaged = Attach(layer, LayerPart.Value, LoraInitialization.Default, hasMagnitude: false);
        using (no_grad())
            damaged.B[0, 0] = tensor(value);
        Tensor plain = layer.Weight.Dense().clone();
        Assert.Contains("not finite", Assert.Throws<InvalidOperationException>(layer.MergeAdapters).Message);
        Assert.True(layer.Weight.Dense().allclose(plain, 0, 0));
        Assert.True(layer.HasAdapter);
    }

    [Fact]
    public void Adapters_compute_in_the_type_of_mixed_precision()
    {
        Linear layer = Fused();
        Disturb(Attach(layer, LayerPart.Query, LoraInitialization.Pissa, hasMagnitude: true));
        Tensor x = randn(2, 8), expected = layer.call(x);
        using IDisposable precision = MixedPrecision.Scope(ScalarType.BFloat16);
        Tensor found = layer.call(x);
        Assert.Equal(ScalarType.BFloat16, found.dtype);
        Assert.True(found.to(ScalarType.Float32).allclose(expected, 0.05, 0.1));
    }

    public static TheoryData<string, LoraInitialization, bool> Convolutions
    {
        get
        {
            var all = new TheoryData<string, LoraInitialization, bool>();
            foreach (string layer in (string[])["3x3", "3x3, halving", "1x1", "enlarging", "transposed"])
            {
                foreach (LoraInitialization kind in _all)
                {
                    all.Add(layer, kind, false);
                    all.Add(layer, kind, true);
                }
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Convolutions))]
    public void An_adapter_of_a_convolution_gives_what_the_merged_kernel_gives(string name, LoraInitialization kind, bool hasMagnitude)
    {
        WeightedLayer layer = name switch
        {
            "3x3" => new Layers.Conv2d(5, 4, 3, padding: 1),
            "3x3, halving" => new Layers.Conv2d(5, 4, 3, stride: 2, padding: 1),
            "1x1" => new Layers.Conv2d(5, 4, 1),
            "enlarging" => new UpsamplingConv2d(5, 4),
            _ => new Layers.ConvTranspose2d(5, 4, 4, stride: 2, padding: 1),
        };
        Tensor x = randn(2, 5, 6, 8), plain = layer.call(x).detach();
        var adapter = new LoraAdapter(layer.MatrixShape, rank: 2, scale: 3, hasMagnitude);
        LoraInitializer.Initialize(adapter, kind, new AdaptedRows(layer));
        layer.Attach(adapter);
        Assert.True(layer.call(x).allclose(plain, 1e-4, 1e-5), "unchanged at the start");
        Disturb(adapter);
        Tensor adapted = layer.call(x).detach();
        Assert.False(adapted.allclose(plain, 1e-2, 1e-2));
        using (MixedPrecision.Scope(ScalarType.BFloat16))
            Assert.True(layer.call(x).to(ScalarType.Float32).allclose(adapted, 0.1, 0.5));
        layer.MergeAdapters();
        Assert.True(layer.call(x).allclose(adapted, 1e-4, 1e-4));
    }

    // PEFT's Conv2d: A is a convolution of the same form with rank outputs, B one of 1 × 1.
    [Fact]
    public void The_change_of_a_convolution_is_one_of_its_form_and_a_pointwise_one()
    {
        var layer = new Layers.Conv2d(3, 4, 3, stride: 2, padding: 1);
        Tensor x = randn(2, 3, 6, 6), plain = layer.call(x);
        var adapter = new LoraAdapter(layer.MatrixShape, rank: 2, scale: 0.5);
        Assert.Equal([2, 3, 3, 3], adapter.A.shape);
        Assert.Equal([4, 2, 1, 1], adapter.B.shape);
        Disturb(adapter);
        Tensor inner = nn.functional.conv2d(x, adapter.A, strides: [2, 2], padding: [1, 1]);
        Tensor expected = plain + 0.5 * nn.functional.conv2d(inner, adapter.B);
        layer.Attach(adapter);
        Assert.True(layer.call(x).allclose(expected, 1e-4, 1e-5));

        // Kaiming uniform with a = √5: ±1/√(inputs · 3 · 3).
        var wide = new Layers.Conv2d(64, 8, 3);
        var other = new LoraAdapter(wide.MatrixShape, rank: 8, scale: 1);
        LoraInitializer.Initialize(other, LoraInitialization.Default, new AdaptedRows(wide));
        Assert.InRange(other.A.abs().max().item<float>(), 0.98 / 24, 1.0 / 24);
    }

    // PEFT's Embedding: x → W[x] + s (B A[:, x])ᵀ with A zero and B normal at the start.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_adapter_of_an_embedding_changes_the_rows_that_are_looked_up(bool hasMagnitude)
    {
        var table = new EmbeddingTable(300, 40);
        Tensor classes = tensor([7L, 0, 299, 7]).view(2, 2), plain = table.call(classes).detach();
        var adapter = new LoraAdapter(table.MatrixShape, rank: 16, scale: 0.5, hasMagnitude, dropout: 0.5);
        Assert.Equal([16, 300], adapter.A.shape);
        Assert.Equal([40, 16], adapter.B.shape);
        foreach (LoraInitialization kind in _all)
        {
            LoraInitializer.Initialize(adapter, kind, new AdaptedRows(table));
            Assert.Equal(0, adapter.A.abs().max().item<float>());
            Assert.InRange(adapter.B.std().item<float>(), 0.9, 1.1);
        }

        table.Attach(adapter);
        table.train();
        Assert.True(table.call(classes).allclose(plain, 0, 0));
        Disturb(adapter);
        Tensor adapted = table.call(classes);
        if (!hasMagnitude)
        {
            Tensor expected = table.Weight + 0.5 * adapter.B.mm(adapter.A).t();
            Assert.True(adapted[0, 0].allclose(expected[7], 1e-4, 1e-5));
        }

        adapted.sum().backward();
        Assert.True(adapter.A.grad!.abs().sum().item<float>() > 0);
        Assert.Equal(0, adapter.A.grad!.select(1, 8).abs().sum().item<float>());
        Tensor found = adapted.detach();
        table.MergeAdapters();
        Assert.True(table.call(classes).allclose(found, 1e-4, 1e-4));
        Assert.Equal(["weight"], table.named_parameters().Select(p => p.name));
    }

    [Fact]
    public void A_row_of_zeros_has_no_direction_and_stays()
    {
        Linear layer = new(4, 3);
        using (no_grad())
            layer.Weight.Dense()[1] = zeros(4);
        Tensor x = randn(5, 4), plain = layer.call(x).detach();
        var adapter = new LoraAdapter([3, 4], rank: 2, scale: 1, hasMagnitude: true);
        LoraInitializer.Initialize(adapter, LoraInitialization.Default, new AdaptedRows(layer));
        layer.Attach(adapter);
        Assert.True(layer.call(x).allclose(plain, 0, 0));
        layer.call(x).sum().backward();
        Assert.All(adapter.parameters(), p => Assert.True(p.grad!.isfinite().all().item<bool>()));
        layer.MergeAdapters();
        Assert.True(layer.call(x).allclose(plain, 1e-5, 1e-6));
    }

    private static Linear Layer()
    {
        Linear layer = new(4, 6);
        using IDisposable noGradient = no_grad();
        layer.Weight.Dense().copy_(ones(6, 4) * 3);
        return layer;
    }

    private static LoraAdapter Adapter(bool hasMagnitude)
    {
        var adapter = new LoraAdapter([6, 4], rank: 2, scale: 1.0 / 2, hasMagnitude);
        using IDisposable noGradient = no_grad();
        adapter.A.copy_(tensor(new float[,] { { 1, 2, 3, 4 }, { 5, 6, 7, 8 } }));
        adapter.B.copy_(tensor(new float[,] { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 }, { 9, 10 }, { 11, 12 } }));
        return adapter;
    }

    private static Linear Fused() => new(8, LayerPart.QueryKeyValue(heads: 4, keyValueHeads: 2, headSize: 3));

    private static LoraAdapter Attach(Linear layer, string name, LoraInitialization kind, bool hasMagnitude)
    {
        LayerPart part = layer.Parts.Single(p => p.Name == name);
        var adapter = new LoraAdapter([part.Outputs, 8], rank: 4, scale: 2, hasMagnitude);
        LoraInitializer.Initialize(adapter, kind, new AdaptedRows(layer, part));
        layer.Attach(adapter, name);
        return adapter;
    }

    // As a training would.
    private static void Disturb(LoraAdapter adapter)
    {
        using IDisposable noGradient = no_grad();
        foreach (Parameter parameter in adapter.parameters())
            parameter.add_(randn(parameter.shape) * 0.3);
    }

    private static void AssertClose(double[][] expected, Tensor found, double tolerance)
    {
        Assert.Equal([expected.Length, expected[0].Length], found.shape);
        for (int i = 0; i < expected.Length; i++)
        {
            for (int j = 0; j < expected[i].Length; j++)
                Assert.InRange(found[i, j].item<float>() - expected[i][j], -tolerance, tolerance);
        }
    }
}
