using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Products with many outputs, such as the tokens of a vocabulary. The tensor cores of a GPU load numbers in eights: with the 50,257 tokens
/// of GPT-2 they take several times as long as with 50,264.
/// </summary>
internal static class AlignedProducts
{
    private const long Together = 8;

    // Below it, the copy of the weight takes longer than it saves.
    private const long Many = 1024;

    /// <summary>x Wᵀ + b.</summary>
    /// <param name="input">[.., inputs].</param>
    /// <param name="weight">[outputs, inputs].</param>
    /// <param name="bias">[outputs], or <see langword="null"/>.</param>
    public static Tensor Linear(Tensor input, Tensor weight, Tensor? bias) =>
        input.device_type == DeviceType.CUDA && weight.size(0) >= Many ? Padded(input, weight, bias)
        : LinearProduct.IsFast(input, weight) ? LinearProduct.Apply(input, weight, bias)
        : F.linear(input, weight, bias);

    /// <summary>The same, with outputs beside the wanted ones until their number is a multiple of eight.</summary>
    internal static Tensor Padded(Tensor input, Tensor weight, Tensor? bias)
    {
        long outputs = weight.size(0), more = (Together - outputs % Together) % Together;
        if (more == 0)
            return F.linear(input, weight, bias);
        Tensor rows = F.pad(weight, [0L, 0, 0, more]);
        return F.linear(input, rows, bias is null ? null : F.pad(bias, [0L, more])).narrow(-1, 0, outputs);
    }
}
