using Microsoft.ML.Generative.Evaluation;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Evaluation;

/// <summary>Runs a network in a file on images.</summary>
internal abstract class FileFeatures(string path) : ImageFeatureExtractor
{
    protected string FilePath => path;

    internal sealed override FeatureComputation Open(torch.Device device) => File.Exists(path)
        ? OpenFile(device)
        : throw new FileNotFoundException($"There is no file '{path}'.", path);

    protected abstract FeatureComputation OpenFile(torch.Device device);

    protected InvalidDataException CannotBeLoaded(string kind, Exception e) =>
        new($"'{path}' is no {kind} file that can be loaded: {FirstLine(e)}", e);

    protected InvalidDataException CannotCompute(Tensor images, Exception e) =>
        new($"'{path}' cannot compute with images of [{string.Join(", ", images.shape)}]: {FirstLine(e)}", e);

    /// <summary>What it made of a number of images, as [images, features] of Single.</summary>
    protected Tensor Checked(Tensor features, long images) => features.dim() >= 2 && features.size(0) == images && features.numel() > 0
        ? features.flatten(1).to(ScalarType.Float32)
        : throw new InvalidDataException(
            $"'{path}' made [{string.Join(", ", features.shape)}] of {images} images; expected [{images}, features].");

    private static string FirstLine(Exception e) =>
        e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault() ?? e.GetType().Name;
}
