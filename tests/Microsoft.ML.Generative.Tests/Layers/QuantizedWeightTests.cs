using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class QuantizedWeightTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public QuantizedWeightTests() => manual_seed(7).Dispose();

    public static TheoryData<string> Kinds => ["bfloat16", "int8", "nf4", "Q8_0", "Q4_0"];

    public void Dispose() => _scope.Dispose();

    // bitsandbytes' tests/test_functional.py: the mean absolute error on N(0, 1), 1024 × 1024; 0.072798 ± 0.000074 for blocks of 64.
    [Theory]
    [InlineData(64, 0.072798)]
    [InlineData(128, 0.076831)]
    [InlineData(256, 0.080337)]
    public void The_error_of_NF4_is_the_published_one(int blockSize, double expected)
    {
        Tensor values = randn(1024, 1024);
        (Tensor codes, Tensor scales) = Nf4.Quantize(values, blockSize);
        Assert.Equal([1024L * 1024 / 2], codes.shape);
        Assert.Equal(ScalarType.Byte, codes.dtype);
        Assert.Equal([1024L * 1024 / blockSize], scales.shape);
        Tensor found = Nf4.Dequantize(codes, scales, values.numel(), blockSize).view(values.shape);
        Assert.InRange((found - values).abs().mean().item<float>(), expected - 0.0004, expected + 0.0004);
    }

    [Fact]
    public void The_values_of_NF4_are_their_own_nearest_and_the_first_of_a_pair_is_in_the_high_half()
    {
        Tensor values = tensor(Nf4.Values.ToArray()) * 2.5f;
        (Tensor codes, Tensor scales) = Nf4.Quantize(values, 16);
        Assert.Equal([0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF], TensorMemory.ToArray<byte>(codes));
        Assert.Equal(2.5f, scales.item<float>());
        Assert.True(Nf4.Dequantize(codes, scales, 16, 16).allclose(values, 0, 0));
        // Halfway between 0 and 0.0795803 is 0.0397901.
        (codes, _) = Nf4.Quantize(tensor(new[] { 0.0397f, 0.0399f, 1, -1 }), 4);
        Assert.Equal([0x78, 0xF0], TensorMemory.ToArray<byte>(codes));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(200)]
    public void The_last_block_may_be_short_and_blocks_of_zeros_stay_zero(int count)
    {
        Tensor values = randn(count);
        values.narrow(0, 0, Math.Min(count, 64)).zero_();
        (Tensor codes, Tensor scales) = Nf4.Quantize(values, 64);
        Assert.Equal([(count + 1) / 2], codes.shape);
        Tensor found = Nf4.Dequantize(codes, scales, count, 64);
        Assert.True(found.isfinite().all().item<bool>());
        Assert.Equal(0, found.narrow(0, 0, Math.Min(count, 64)).abs().max().item<float>());
        Assert.InRange((found - values).abs().max().item<float>(), 0, 0.16 * values.abs().max().item<float>());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_layer_computes_with_the_dequantized_weight_and_the_gradient_reaches_its_input(string kind)
    {
        var layer = new Linear(72, 40);
        Tensor original = layer.Weight.Dense().detach();
        layer.Weight = Quantize(kind, original);
        Assert.Equal(kind, layer.Weight.Kind);
        Assert.Null(layer.Weight.Plain);
        Tensor dense = layer.Weight.Dense();
        double largest = original.abs().max().item<float>();
        double part = kind switch { "nf4" => 0.17, "Q4_0" => 0.13, _ => 0.005 };
        Assert.InRange((dense - original).abs().max().item<float>(), 1e-6, largest * part);
        Tensor x = randn([5, 72], requires_grad: true), y = layer.call(x);
        Assert.True(y.allclose(x.mm(dense.t()) + layer.Bias!, 1e-4, 1e-5));
        using (no_grad())
            Assert.True(layer.call(x).allclose(y, 1e-5, 1e-6));

        Tensor upstream = randn(5, 40);
        y.backward([upstream]);
        Assert.True(x.grad!.allclose(upstream.mm(dense), 1e-4, 1e-5));
        Assert.All(layer.named_parameters().Where(p => p.name != "bias"), p => Assert.False(p.parameter.requires_grad));
    }

    // QLoRA: LoRA over the dequantized weight; the gradient reaches x and the adapter, not the 4-bit weight.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_adapter_over_a_quantized_weight_is_one_over_the_dequantized_weight(string kind)
    {
        foreach (bool hasMagnitude in (bool[])[false, true])
        {
            Linear quantized = new(24, 16), dense = new(24, 16);
            quantized.Weight = Quantize(kind, quantized.Weight.Dense().detach());
            dense.Weight = new DenseWeight(nn.Parameter(quantized.Weight.Dense().clone()));
            using (no_grad())
                dense.Bias!.copy_(quantized.Bias!);
            LoraAdapter[] adapters = [Attach(quantized), Attach(dense)];
            using (no_grad())
            {
                foreach ((Parameter to, Parameter from) in adapters[1].parameters().Zip(adapters[0].parameters()))
                    to.copy_(from.add_(randn(from.shape) * 0.2));
            }

            Tensor x = randn([3, 24], requires_grad: true), other = x.detach().clone().requires_grad_(true);
            Tensor found = quantized.call(x), expected = dense.call(other);
            Assert.True(found.allclose(expected, 1e-4, 1e-5));
            found.square().sum().backward();
            expected.square().sum().backward();
            Assert.True(x.grad!.allclose(other.grad!, 1e-3, 1e-4));
            foreach ((Parameter a, Parameter b) in adapters[0].parameters().Zip(adapters[1].parameters()))
                Assert.True(a.grad!.allclose(b.grad!, 1e-3, 1e-4));
            Assert.Contains(kind, Assert.Throws<NotSupportedException>(quantized.MergeAdapters).Message);

            LoraAdapter Attach(Linear layer)
            {
                var adapter = new LoraAdapter([16, 24], rank: 4, scale: 2, hasMagnitude);
                LoraInitializer.Initialize(adapter, LoraInitialization.Default, new AdaptedRows(layer));
                layer.Attach(adapter);
                return adapter;
            }
        }
    }

    // QLoRA's memory: no layer's floats live longer than its matmul, in the forward pass and in the backward pass.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Floats_are_made_again_for_the_backward_pass_and_kept_nowhere(bool hasMagnitude)
    {
        Tensor first = randn(16, 24), second = randn(16, 24);
        var weight = new RecordedWeight(first);
        var layer = new Linear(24, 16) { Weight = weight };
        var adapter = new LoraAdapter([16, 24], rank: 2, scale: 1, hasMagnitude);
        LoraInitializer.Initialize(adapter, LoraInitialization.Default, new AdaptedRows(layer));
        layer.Attach(adapter);
        weight.Made.Clear();
        Tensor x = randn([3, 24], requires_grad: true), y = layer.call(x);
        Assert.NotEmpty(weight.Made);
        Assert.All(weight.Made, floats => Assert.True(floats.IsInvalid));

        // B is 0, so that the input's gradient is that of the weight as it is in the backward pass.
        weight.Take(second);
        weight.Made.Clear();
        Tensor upstream = randn(3, 16);
        y.backward([upstream]);
        Assert.Single(weight.Made);
        Assert.True(weight.Made[0].IsInvalid);
        Assert.True(x.grad!.allclose(upstream.mm(second), 1e-4, 1e-5));
    }

    [Theory]
    [InlineData(40, 72)]
    [InlineData(7, 13)]
    [InlineData(300, 333)]
    public void Vectors_make_the_same_floats_of_NF4_as_tensors(int outputs, int inputs)
    {
        var weight = (Nf4Weight)Quantize("nf4", randn(outputs, inputs));
        Assert.Equal(TensorMemory.ToArray<float>(weight.ByTensors()), TensorMemory.ToArray<float>(weight.Dense()));
    }

    [Theory]
    [InlineData("bfloat16", 300 * 200 * 2)]
    [InlineData("int8", 300 * 200 + 300 * 4)]
    [InlineData("nf4", 300 * 200 / 2 + 938 + 4 * 4 + 4)]
    [InlineData("Q8_0", 304 * 7 * 34)]
    [InlineData("Q4_0", 304 * 7 * 18)]
    public void Tensors_have_the_bytes_of_the_format_and_are_read_into_an_empty_weight(string kind, long bytes)
    {
        var layer = new Linear(200, 300, hasBias: false);
        layer.Weight = Quantize(kind, layer.Weight.Dense().detach());
        IReadOnlyList<(string Name, Tensor Tensor)> tensors = ModuleWeights.Of(layer);
        Assert.Equal(bytes, tensors.Sum(t => t.Tensor.numel() * t.Tensor.element_size()));
        Assert.Equal("weight", tensors[0].Name);

        var other = new Linear(200, 300, hasBias: false);
        other.Weight = Create(kind, [300, 200]);
        ModuleWeights.Copy(layer, other);
        Assert.True(other.Weight.Dense().allclose(layer.Weight.Dense(), 0, 0));
    }

    [Theory]
    [InlineData("Q8_0", 33, 70)]
    [InlineData("Q4_0", 16, 32)]
    [InlineData("Q4_0", 5, 100)]
    public void Packed_blocks_are_those_of_ggml_in_another_order(string kind, int outputs, int inputs)
    {
        Tensor dense = randn(outputs, inputs);
        var weight = (PackedBlockWeight)Quantize(kind, dense);
        BlockFormat format = weight.Format;
        int padded = (inputs + 31) / 32 * 32;
        float[] values = new float[padded];
        float[] all = TensorMemory.ToArray<float>(weight.Dense()), original = TensorMemory.ToArray<float>(dense);
        var found = new List<byte[]>();
        weight.GiveRows(0, outputs, (output, blocks) =>
        {
            format.Dequantize(blocks, values);
            Assert.Equal(values[..inputs], all.AsSpan((int)output * inputs, inputs).ToArray());
            byte[] expected = new byte[blocks.Length];
            float[] row = new float[padded];
            original.AsSpan((int)output * inputs, inputs).CopyTo(row);
            format.Quantize(row, expected);
            Assert.Equal(expected, blocks.ToArray());
            found.Add(expected);
        });
        Assert.Equal(outputs, found.Count);

        var other = new PackedBlockWeight([outputs, inputs], weight.IsFourBits);
        other.TakeRows((output, blocks) => found[(int)output].CopyTo(blocks));
        Assert.True(other.Dense().equal(weight.Dense()).all().item<bool>());
        Tensor some = tensor(new long[] { outputs - 1, 0, outputs / 2 });
        Assert.True(weight.Rows(some).equal(weight.Dense().index_select(0, some)).all().item<bool>());
    }

    // Eight bits of precision: between 1 and 2, numbers are 1/128 apart, and halfway the even one is taken.
    [Fact]
    public void The_nearest_number_of_bfloat16_is_stored_as_in_files()
    {
        float[] values =
            [1, 1 + 1f / 256, 1 + 3f / 256, 1 + 1f / 255, -3.1415927f, 1e-40f, -0f, float.MaxValue, float.NegativeInfinity];
        ushort[] expected = [0x3F80, 0x3F80, 0x3F82, 0x3F81, 0xC049, 0x0001, 0x8000, 0x7F80, 0xFF80];
        QuantizedWeight weight = Quantize("bfloat16", tensor(values).unsqueeze(0));
        Assert.Equal(expected, TensorMemory.ToArray<ushort>(weight.Tensors[0]));
        byte[] bytes = new byte[2 * values.Length];
        BlockFormat.BF16.Quantize(values, bytes);
        Assert.Equal(expected, System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(bytes).ToArray());

        float[] back = new float[values.Length];
        BlockFormat.BF16.Dequantize(bytes, back);
        Assert.Equal(back, TensorMemory.ToArray<float>(weight.Dense()));
        Assert.Equal((1.015625f, -3.140625f, float.PositiveInfinity), (back[2], back[4], back[7]));
        BlockFormat.BF16.Quantize([float.NaN, BitConverter.UInt32BitsToSingle(0x7F800001)], bytes);
        BlockFormat.BF16.Dequantize(bytes.AsSpan(0, 4), back.AsSpan(0, 2));
        Assert.True(float.IsNaN(back[0]) && float.IsNaN(back[1]));

        var rows = (IBlockRows)weight;
        rows.TakeRows((_, row) => (row[8], row[9]) = (0x80, 0x3F));
        rows.GiveRows(0, 1, (_, row) => Assert.Equal(0x803F, row[8] << 8 | row[9]));
        Assert.Equal(1f, weight.Rows(tensor(new long[] { 0 }))[0, 4].item<float>());
    }

    [Fact]
    public void A_scale_that_is_not_finite_is_refused()
    {
        var weight = new PackedBlockWeight([1, 32], isFourBits: false);
        Assert.Throws<InvalidDataException>(() => weight.TakeRows((_, blocks) => (blocks[0], blocks[1]) = (0, 0x7C)));
        Assert.Throws<ArgumentException>(() => weight.Take(full(1, 32, 1e9f)));
        Assert.Throws<ArgumentException>(() => weight.Take(full(1, 32, float.NaN)));
    }

    private sealed class RecordedWeight(Tensor values) : QuantizedWeight(values.shape)
    {
        private Tensor _values = values;

        public List<Tensor> Made { get; } = [];

        public override string Kind => "recorded";

        public override IReadOnlyList<Tensor> Tensors => [_values];

        public override void Take(Tensor dense) => _values = dense;

        public override void Write(Tensor floats)
        {
            floats.copy_(_values);
            Made.Add(floats);
        }

        public override void Register(nn.Module layer)
        {
        }

        public override void Rebind(nn.Module layer)
        {
        }
    }

    private static QuantizedWeight Quantize(string kind, Tensor dense)
    {
        QuantizedWeight weight = Create(kind, dense.shape);
        weight.Take(dense);
        return weight;
    }

    private static QuantizedWeight Create(string kind, long[] shape) =>
        QuantizedWeight.Create(shape, Enum.Parse<WeightFormat>(kind, ignoreCase: true));
}
