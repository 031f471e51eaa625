using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A linear layer and what follows it, against the formulas in Float64.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class FusedLinearTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly IDisposable _noGradient = no_grad();

    public void Dispose()
    {
        _noGradient.Dispose();
        _scope.Dispose();
    }

    // Φ by the error function, and the approximation of Hendrycks, Gimpel 2016; the rest of Shazeer 2020.
    [Theory]
    [InlineData(FeedForwardKind.Gelu, 16, true)]
    [InlineData(FeedForwardKind.Gelu, 1536, true)]
    [InlineData(FeedForwardKind.Gelu, 7, false)]
    [InlineData(FeedForwardKind.GeluTanh, 33, true)]
    [InlineData(FeedForwardKind.Relu, 20, true)]
    [InlineData(FeedForwardKind.GeGlu, 26, true)]
    [InlineData(FeedForwardKind.GeGluTanh, 40, false)]
    [InlineData(FeedForwardKind.SwiGlu, 10, true)]
    public void An_activated_layer_is_that_of_the_formula(FeedForwardKind kind, int outputs, bool hasBias)
    {
        Linear layer = Layer(6, outputs, hasBias);
        Tensor x = randn(3, 5, 6) * 3;
        Assert.True(FusedLinear.CanUse(layer, x));
        Tensor hidden = Product(layer, x);
        Tensor[] parts = kind.IsGated() ? hidden.chunk(2, -1) : [hidden, ones(1, ScalarType.Float64)];
        AssertClose(Activation(parts[0], kind) * parts[1], FusedLinear.Activate(layer, x, kind));
        // Read in another order than it is stored in.
        Tensor turned = x.transpose(0, 1).contiguous().transpose(0, 1);
        AssertClose(Activation(parts[0], kind) * parts[1], FusedLinear.Activate(layer, turned, kind));
    }

    [Theory]
    [InlineData(NormalizationKind.LayerNorm, 384, true)]
    [InlineData(NormalizationKind.LayerNorm, 5, false)]
    [InlineData(NormalizationKind.RmsNorm, 19, true)]
    public void A_normalized_sum_is_that_of_the_formula(NormalizationKind kind, int width, bool hasBias)
    {
        Linear layer = Layer(11, width, hasBias);
        using var norm = new Normalization(kind, width, 1e-5, hasBias: kind == NormalizationKind.LayerNorm);
        foreach (TorchSharp.Modules.Parameter parameter in norm.parameters())
            parameter.copy_(randn(width) + 1);
        // Far from 0, where a sum of squares would lose the difference.
        Tensor x = randn(2, 4, 11), shortcut = randn(4, 2, width).transpose(0, 1) + 30;
        Tensor sum = Product(layer, x) + shortcut.to(float64);
        Tensor centered = kind == NormalizationKind.LayerNorm ? sum - sum.mean([-1], keepdim: true) : sum;
        Tensor expected = centered / (centered.square().mean([-1], keepdim: true) + 1e-5).sqrt() * norm.Gain.to(float64);
        if (norm.Bias is { } bias)
            expected = expected + bias.to(float64);
        Tensor before = shortcut.clone();
        AssertClose(expected, FusedLinear.NormalizeSum(layer, x, shortcut, norm), 2e-5);
        Assert.True(before.eq(shortcut).all().ToBoolean());
    }

    [Fact]
    public void Rows_depend_on_neither_threads_nor_other_rows()
    {
        Linear layer = Layer(8, 256, true);
        using var norm = new Normalization(NormalizationKind.LayerNorm, 256, 1e-5, hasBias: true);
        // Products of these are exact, in whatever order they are summed.
        layer.Weight.Dense().copy_(randint(-3, 4, layer.Weight.Shape).to(float32));
        Tensor x = randint(-3, 4, [300, 8]).to(float32), shortcut = randn(300, 256);
        Tensor[] one = Run(1, x, shortcut), two = Run(2, x, shortcut), alone = Run(2, x.narrow(0, 77, 1), shortcut.narrow(0, 77, 1));
        for (int i = 0; i < one.Length; i++)
        {
            Assert.True(one[i].eq(two[i]).all().ToBoolean());
            Assert.True(one[i].narrow(0, 77, 1).eq(alone[i]).all().ToBoolean());
        }

        Tensor[] Run(int threads, Tensor input, Tensor around)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            return
            [
                FusedLinear.Activate(layer, input, FeedForwardKind.Gelu), FusedLinear.Activate(layer, input, FeedForwardKind.GeGlu),
                FusedLinear.NormalizeSum(layer, input, around, norm),
            ];
        }
    }

    [Fact]
    public void What_is_more_than_a_weight_and_a_bias_is_left_to_the_layer()
    {
        Linear layer = Layer(6, 4, true);
        Tensor x = randn(2, 6);
        using (enable_grad())
            Assert.False(FusedLinear.CanUse(layer, x));
        layer.train();
        Assert.False(FusedLinear.CanUse(layer, x));
        layer.eval();
        using (MixedPrecision.Scope(ScalarType.BFloat16))
            Assert.False(FusedLinear.CanUse(layer, x));
        Assert.False(FusedLinear.CanUse(layer, x.to(ScalarType.BFloat16)));
        Assert.False(FusedLinear.CanUse(layer, x.narrow(0, 0, 0)));
        OutputShapes.During(() => Assert.False(FusedLinear.CanUse(layer, x)));
        Assert.True(FusedLinear.CanUse(layer, x));
        layer.Attach(new LoraAdapter(randn(1, 6), randn(4, 1), null, scale: 1));
        Assert.False(FusedLinear.CanUse(layer, x));
        Linear quantized = Layer(6, 4, false);
        quantized.Weight = TestInt8Weight.Of(quantized.Weight.Dense());
        Assert.False(FusedLinear.CanUse(quantized, x));
    }

    private static Linear Layer(int inputs, int outputs, bool hasBias)
    {
        var layer = new Linear(inputs, outputs, hasBias);
        layer.eval();
        return layer;
    }

    private static Tensor Product(Linear layer, Tensor x)
    {
        Tensor product = x.to(float64).matmul(layer.Weight.Dense().to(float64).t());
        return layer.Bias is { } bias ? product + bias.to(float64) : product;
    }

    private static Tensor Activation(Tensor x, FeedForwardKind kind) => kind switch
    {
        FeedForwardKind.Gelu or FeedForwardKind.GeGlu => x * (1 + (x / Math.Sqrt(2)).erf()) / 2,
        FeedForwardKind.GeluTanh or FeedForwardKind.GeGluTanh => x * (1 + (Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x.pow(3))).tanh()) / 2,
        FeedForwardKind.Relu => x.clamp_min(0),
        _ => x * x.sigmoid(),
    };

    private static void AssertClose(Tensor expected, Tensor found, double tolerance = 4e-6)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.abs().max().ToDouble();
        Assert.True(error <= tolerance * (1 + size), $"{error} beside {size}");
    }
}
