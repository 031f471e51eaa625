using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed unsafe class QuantizedKernelTests : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public QuantizedKernelTests() => torch.manual_seed(3).Dispose();

    public static TheoryData<WeightFormat, int, int> Cases
    {
        get
        {
            var all = new TheoryData<WeightFormat, int, int>();
            WeightFormat[] formats =
                [WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Q8_0, WeightFormat.Q4_0, WeightFormat.Nf4];
            foreach (WeightFormat format in formats)
            {
                all.Add(format, 64, 96);
                all.Add(format, 37, 75);
                all.Add(format, 3, 5);
            }

            return all;
        }
    }

    public void Dispose() => _scope.Dispose();

    // The integers of x and the dequantized weight, multiplied in doubles.
    [Theory]
    [MemberData(nameof(Cases))]
    public void Kernels_multiply_the_quantized_operands(WeightFormat format, int outputs, int inputs)
    {
        // Eight, four and one at a time.
        const int rows = 13;
        QuantizedWeight weight = Weight(format, outputs, inputs);
        float[] x = TensorMemory.ToArray<float>(torch.randn(rows, inputs)), dense = TensorMemory.ToArray<float>(weight.Dense());
        float[] bias = TensorMemory.ToArray<float>(torch.randn(outputs));
        float[]? first = null;
        foreach (IntegerPath path in IntegerPaths.All)
        {
            float[] found = new float[rows * outputs];
            double[] operands = Multiply(weight, path, x, rows, 0, rows, bias, found);
            for (int row = 0; row < rows; row++)
            {
                for (int o = 0; o < outputs; o++)
                {
                    double sum = bias[o], size = Math.Abs(bias[o]);
                    for (int i = 0; i < inputs; i++)
                    {
                        double product = operands[row * inputs + i] * dense[o * inputs + i];
                        (sum, size) = (sum + product, size + Math.Abs(product));
                    }

                    Assert.InRange(found[row * outputs + o] - sum, -1e-6 * size, 1e-6 * size);
                }
            }

            // To the bit the same on all paths, and for each row alone.
            Assert.Equal(first ??= found, found);
            float[] alone = new float[rows * outputs];
            for (int row = 0; row < rows; row++)
                Multiply(weight, path, x, rows, row, row + 1, bias, alone);
            Assert.Equal(found, alone);
        }
    }

    // llama.cpp's block: d = max |x| / 127, q = x / d to the nearest integer.
    [Fact]
    public void Activations_are_quantized_in_blocks_of_32()
    {
        using var rows = new QuantizedRows(2, 40);
        float[] x = new float[80];
        (x[0], x[1], x[31], x[32], x[39], x[40]) = (254, -3, 1, 0.5f, -127, 12.7f);
        fixed (float* start = x)
            rows.Take(start, 40, 2, 40);
        Assert.Equal(2, rows.Blocks);
        Assert.Equal((2f, 1f), (rows.Scales(0)[0], rows.Scales(0)[1]));
        Assert.Equal((127, -2, 0), (rows.Codes(0)[0], rows.Codes(0)[1], rows.Codes(0)[31]));
        Assert.Equal((0, -127, 0), (rows.Codes(0)[32], rows.Codes(0)[39], rows.Codes(0)[40]));
        Assert.Equal((125, -127), (rows.Sums(0)[0], rows.Sums(0)[1]));
        Assert.Equal((127, 0f, 0), (rows.Codes(1)[0], rows.Scales(1)[1], rows.Sums(1)[1]));
        x[3] = float.NaN;
        fixed (float* start = x)
            rows.Take(start, 40, 1, 40);
        Assert.True(float.IsNaN(rows.Scales(0)[0]));
    }

    [Theory]
    [InlineData(WeightFormat.BFloat16)]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Q8_0)]
    [InlineData(WeightFormat.Q4_0)]
    [InlineData(WeightFormat.Nf4)]
    public void Logits_do_not_depend_on_the_batch_or_the_threads_and_are_near_those_of_libtorch(WeightFormat format)
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["llama"] with
        {
            EmbeddingSize = 72,
            HeadSize = 18,
            Heads = 4,
            KeyValueHeads = 2,
            FeedForwardSize = 100,
            VocabularySize = 300,
            ContextLength = 40,
        };
        using var dense = new AdaptedNetwork<LanguageModelNetwork>(TinyLanguageModels.Create(architecture));
        using AdaptedNetwork<LanguageModelNetwork> quantized = LanguageModelCopies.Quantize(dense, format);
        Assert.True(KernelDecodingSession.CanDecode(quantized.Network));
        int[] prompt = [.. Enumerable.Range(0, 37).Select(i => i * 7 % 300)];
        float[] alone = new float[300], logits = new float[3 * 300];
        using (var single = new KernelDecodingSession(quantized.Network, 1, 40))
        {
            single.Prefill(0, prompt, alone);
            double[] expected = LanguageModelNetworkTests.Logits(quantized.Network, prompt)[^1];
            double size = Math.Sqrt(expected.Average(e => e * e)),
                error = Math.Sqrt(expected.Zip(alone, (e, f) => Math.Pow(e - f, 2)).Average());
            // libtorch does not round the inputs of layers to 8 bits, which these weights, larger than those of trained models, amplify.
            Assert.InRange(error / size, 0, format is WeightFormat.BFloat16 or WeightFormat.Nf4 ? 1e-4 : 0.15);
            single.Append([0], [5], alone);
        }

        // The same sums of the same floats, in whichever form they are read.
        if (format is WeightFormat.BFloat16 or WeightFormat.Nf4)
        {
            using AdaptedNetwork<LanguageModelNetwork> floats = LanguageModelCopies.Quantize(quantized, WeightFormat.Float32);
            using var plain = new KernelDecodingSession(floats.Network, 1, 40);
            plain.Prefill(0, prompt, logits.AsSpan(0, 300));
            plain.Append([0], [5], logits.AsSpan(0, 300));
            Assert.Equal(alone, logits[..300]);
        }

        foreach (int threads in (int[])[1, 2])
        {
            using var session = new KernelDecodingSession(quantized.Network, 3, 40, threads);
            foreach (int token in prompt)
                session.Append([1, 0, 2], [token, (token + 1) % 300, (token + 2) % 300], logits);
            session.Append([2, 0, 1], [9, 8, 5], logits);
            Assert.Equal(alone, logits[600..]);
        }
    }

    private static QuantizedWeight Weight(WeightFormat format, int outputs, int inputs)
    {
        torch.Tensor dense = torch.randn(outputs, inputs);
        // Scales that are subnormal halves.
        using (torch.no_grad())
            dense.narrow(0, 0, 1).mul_(torch.tensor(1e-4f));
        QuantizedWeight weight = QuantizedWeight.Create([outputs, inputs], format);
        weight.Take(dense);
        return weight;
    }

    // Multiplies some rows, and returns the operands of all.
    private static double[] Multiply(
        QuantizedWeight weight, IntegerPath path, float[] x, int rows, int from, int to, float[] bias, float[] y)
    {
        (int outputs, int inputs) = ((int)weight.Shape[0], (int)weight.Shape[1]);
        using var quantized = new QuantizedRows(rows, inputs);
        double[] operands = [.. x.Select(v => (double)v)];
        fixed (float* xStart = x, yStart = y, biasStart = bias)
        {
            byte*[] t = new byte*[weight.Tensors.Count];
            for (int i = 0; i < t.Length; i++)
                t[i] = TensorMemory.Start(weight.Tensors[i]);
            WeightKernel kernel = weight switch
            {
                BFloat16Weight => new FloatKernel<ushort>((ushort*)t[0], biasStart, outputs, inputs),
                Int8Weight => new Int8Kernel((sbyte*)t[0], (float*)t[1], biasStart, outputs, inputs, path),
                PackedBlockWeight b => new BlockKernel(t[0], (Half*)t[1], b.IsFourBits, biasStart, outputs, inputs, path),
                _ => new Nf4Kernel(
                    new Nf4Reader(t[0], (sbyte*)t[1], (float*)t[2], *(float*)t[3]), biasStart, outputs, inputs),
            };
            if (kernel.QuantizesInput)
            {
                quantized.Take(xStart, inputs, rows, inputs);
                for (int i = 0; i < operands.Length; i++)
                {
                    (int row, int j) = Math.DivRem(i, inputs);
                    operands[i] = (double)quantized.Codes(row)[j] * quantized.Scales(row)[j / 32];
                }

                quantized.Take(xStart + from * inputs, inputs, to - from, inputs);
            }

            float[] free = new float[kernel.FreeFloats + 1];
            float[] row0 = new float[inputs], dense = TensorMemory.ToArray<float>(weight.Dense());
            fixed (float* freeStart = free, rowStart = row0)
            {
                // In two pieces that are no multiple of anything.
                var input = new KernelInput(xStart + from * inputs, inputs, quantized);
                int middle = outputs / 3;
                kernel.Apply(input, yStart + from * outputs, outputs, to - from, 0, middle, false, freeStart);
                kernel.Apply(input, yStart + from * outputs, outputs, to - from, middle, outputs, false, freeStart);
                for (int o = 0; o < outputs; o++)
                {
                    kernel.ReadRow(o, rowStart);
                    Assert.Equal(dense.AsSpan(o * inputs, inputs).ToArray(), row0);
                }
            }
        }

        GC.KeepAlive(weight);
        return operands;
    }
}
