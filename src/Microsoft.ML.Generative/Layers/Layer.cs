using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// The layers that multiply: PyTorch's, with its names and its initial weights, that follow <see cref="MixedPrecision"/>.
/// </summary>
internal static class Layer
{
    /// <summary>[.., inputs] → [.., outputs].</summary>
    public static Product Linear(long inputs, long outputs, bool hasBias = true) =>
        new(nameof(Linear), [outputs, inputs], outputs, hasBias, F.linear);

    /// <summary>[batch, inputs, height, width] → [batch, outputs, ..], with a square kernel.</summary>
    public static Product Conv2d(long inputs, long outputs, long kernelSize, long stride = 1, long padding = 0, bool hasBias = true) =>
        new(nameof(Conv2d), [outputs, inputs, kernelSize, kernelSize], outputs, hasBias, (x, weight, bias) =>
            kernelSize == 1 && stride == 1 && padding == 0 && IsBFloat16OnCpu(x) ? EachPixel(x, weight, bias)
            : F.conv2d(x, weight, bias, [stride, stride], [padding, padding]));

    /// <summary>[batch, inputs, height, width] → [batch, outputs, ..]: what a convolution of the same numbers came from.</summary>
    public static Product ConvTranspose2d(
        long inputs, long outputs, long kernelSize, long stride = 1, long padding = 0, long outputPadding = 0, bool hasBias = true) =>
        new(nameof(ConvTranspose2d), [inputs, outputs, kernelSize, kernelSize], outputs, hasBias, (x, weight, bias) =>
            F.conv_transpose2d(x, weight, bias, [stride, stride], [padding, padding], [outputPadding, outputPadding]));

    /// <summary>
    /// A 3×3 convolution of an image made twice as large by nearest neighbors, [batch, inputs, height, width] → [batch, outputs, 2 height, 2 width],
    /// without making it larger: a transposed convolution whose 4×4 kernel is the 3×3 one spread over 2×2 pixels; less than half of the multiplications.
    /// </summary>
    public static Product UpsamplingConv2d(long inputs, long outputs, bool hasBias = true) =>
        new(nameof(Conv2d), [outputs, inputs, 3, 3], outputs, hasBias, (x, weight, bias) =>
            // oneDNN adds up the bias's gradient value by value in BFloat16, which takes longer than the weight's.
            bias is not null && IsBFloat16OnCpu(x)
                ? F.conv_transpose2d(x, Spread(weight), null, [2, 2], [1, 1]).Plus(bias.view(1, -1, 1, 1))
                : F.conv_transpose2d(x, Spread(weight), bias, [2, 2], [1, 1]));

    /// <summary>Each pixel four times: nearest neighbors, of which libtorch's own are twenty times slower on a CPU.</summary>
    public static Tensor Double(Tensor x)
    {
        (long batch, long channels, long height, long width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        return x.view(batch, channels, height, 1, width, 1).expand(batch, channels, height, 2, width, 2).reshape(batch, channels, 2 * height, 2 * width);
    }

    // A convolution of single pixels as one product an image: oneDNN's takes up to four times as long, most of it to bring images into its order and back.
    private static Tensor EachPixel(Tensor x, Tensor weight, Tensor? bias)
    {
        (long batch, long inputs, long height, long width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        long outputs = weight.size(0);
        Tensor perImage = weight.view(1, outputs, inputs).expand(batch, outputs, inputs), pixels = x.flatten(2);
        // TorchSharp takes what is added last.
        Tensor y = bias is null ? perImage.bmm(pixels) : baddbmm(perImage, pixels, bias.view(1, outputs, 1));
        return y.view(batch, outputs, height, width);
    }

    private static bool IsBFloat16OnCpu(Tensor x) => x.dtype == ScalarType.BFloat16 && x.device_type == DeviceType.CPU;

    // [outputs, inputs, 3, 3] → [inputs, outputs, 4, 4]; a transposed convolution reads its kernel backwards.
    private static Tensor Spread(Tensor weight)
    {
        Tensor kernel = weight.transpose(0, 1).flip(2, 3);
        return F.pad(kernel, [0L, 1, 0, 1]).Plus(F.pad(kernel, [1L, 0, 0, 1])).Plus(F.pad(kernel, [0L, 1, 1, 0])).Plus(F.pad(kernel, [1L, 0, 1, 0]));
    }

    /// <summary>A layer with a weight and perhaps a bias.</summary>
    internal sealed class Product : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter weight;
        private readonly Parameter? bias;

        private readonly Func<Tensor, Tensor, Tensor?, Tensor> _multiply;

        public Product(string name, long[] shape, long outputs, bool hasBias, Func<Tensor, Tensor, Tensor?, Tensor> multiply)
            : base(name)
        {
            _multiply = multiply;

            // Kaiming-uniform with a = √5, as PyTorch has it: both uniform in ±1/√fanIn.
            double bound = 1 / Math.Sqrt(shape[1..].Aggregate(1L, (product, size) => product * size));
            weight = nn.Parameter(nn.init.uniform_(ModuleTensors.Empty(shape), -bound, bound));
            if (hasBias)
                bias = nn.Parameter(nn.init.uniform_(ModuleTensors.Empty(outputs), -bound, bound));
            RegisterComponents();
        }

        /// <summary>What the input is multiplied with: [outputs, inputs, ..].</summary>
        public Parameter Weight => weight;

        public override Tensor forward(Tensor input) => Multiply(input, weight);

        /// <summary>What the layer would return if this were its weight.</summary>
        public Tensor Multiply(Tensor input, Tensor otherWeight) => _multiply(
            MixedPrecision.Cast(input), MixedPrecision.Cast(otherWeight), bias is null ? null : MixedPrecision.Cast(bias));

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                weight.Dispose();
                bias?.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
