using System.Globalization;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Images that show how far a training is.</summary>
/// <param name="Name">What they are, such as "samples".</param>
/// <param name="Images">[n, channels, height, width], 0..1, on any device.</param>
/// <param name="Columns">Images in a row.</param>
internal readonly record struct TrainingImages(string Name, torch.Tensor Images, int Columns)
{
    private const int Compared = 8;

    /// <summary>A batch's first rows, as images to be shown beside what the model makes of them.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="device">Where they are wanted.</param>
    /// <returns>The columns of up to eight rows; the caller's to dispose of.</returns>
    public static torch.Tensor[] FirstRows(TensorSource data, torch.Device device)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        IBatchSource batches = data.Batches(Compared, shuffle: false, seed: 0, device);
        batches.StartEpoch(0);
        return [.. batches.Next().Columns.Select(c => c.clone().DetachFromDisposeScope())];
    }

    /// <summary>Writes images as PNG files with the step in their names. A disk that is full ends no training.</summary>
    public static void Save(IChannel channel, string folder, long step, IReadOnlyList<TrainingImages> images)
    {
        foreach (TrainingImages some in images)
        {
            string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{some.Name}-{step:D6}.png"));
            try
            {
                AtomicFile.Write(path, stream => stream.Write(ImageSheet.Of(some.Images.cpu(), some.Columns).Png));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                channel.Warning($"The image '{path}' cannot be written: {e.Message}");
            }
        }
    }

    /// <summary>Images in one row, and those made of them in the next.</summary>
    public static TrainingImages Comparison(string name, torch.Tensor originals, torch.Tensor made) =>
        new(name, torch.cat([originals, made.view(originals.shape)], 0), (int)originals.size(0));
}
