using TorchSharp;

namespace Microsoft.ML.Generative.Images.Evaluation;

/// <summary>From [rows, ..] on a device to [rows, size].</summary>
internal sealed class FeatureComputation(torch.Device device, Func<torch.Tensor, torch.Tensor> compute, IDisposable? owned = null)
    : IDisposable
{
    public torch.Device Device => device;

    public torch.Tensor Compute(torch.Tensor rows) => compute(rows);

    public void Dispose() => owned?.Dispose();
}
