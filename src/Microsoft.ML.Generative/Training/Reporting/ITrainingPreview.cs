using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Shows how far a training is: images, texts and the like that the model in training makes.</summary>
internal interface ITrainingPreview : IDisposable
{
    /// <summary>
    /// Makes the items, without gradients and with the networks in evaluation mode. Tensors may belong to the current dispose scope.
    /// </summary>
    /// <param name="generator">Noise that is the same at every call.</param>
    IReadOnlyList<PreviewItem> Make(torch.Generator generator);
}
