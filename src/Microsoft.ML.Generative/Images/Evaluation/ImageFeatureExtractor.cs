using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Evaluation;
using TorchSharp;

namespace Microsoft.ML.Generative.Evaluation;

/// <summary>
/// What images are compared by in <see cref="GenerativeCatalog.EvaluateImages(IDataView, IDataView, ImageEvaluationOptions)"/>: makes a
/// vector of each.
/// </summary>
/// <remarks>
/// Values of images a little out of 0..1, as some models generate them, count as 0 or 1, as they would in an image file.
/// </remarks>
public abstract class ImageFeatureExtractor
{
    private protected ImageFeatureExtractor()
    {
    }

    /// <summary>The pixels themselves: sees shifts as large changes, and needs no model.</summary>
    public static ImageFeatureExtractor Pixels { get; } = new PixelFeatures();

    /// <summary>
    /// The columns hold features already: known-size vectors of Single, such as a transform of ML.NET makes of each data.
    /// </summary>
    public static ImageFeatureExtractor Columns { get; } = new ColumnFeatures();

    /// <summary>What a classifier's last layer sees.</summary>
    /// <param name="model">A classifier trained on images of the same size.</param>
    public static ImageFeatureExtractor Classifier(ImageClassifierTransformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new ClassifierFeatures(model);
    }

    /// <summary>What a TorchScript file makes of images, such as an Inception network for published distances.</summary>
    /// <param name="path">The file, as <c>torch.jit.save</c> writes it.</param>
    /// <param name="options">How the images are handed to it.</param>
    /// <remarks>
    /// Its <c>forward</c> takes one tensor [batch, channels, height, width] of Single and returns one of [batch, ..]. <b>A TorchScript file
    /// is a program and is run with the rights of this process: load files of people you trust only.</b>
    /// </remarks>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public static ImageFeatureExtractor TorchScript(string path, ImageFeatureOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return new TorchScriptFeatures(path, (options ?? new ImageFeatureOptions()).Checked());
    }

    /// <summary>Whether it makes features of images.</summary>
    internal virtual bool TakesImages => true;

    /// <summary>The shape of images that it needs, if it is particular.</summary>
    internal virtual ImageShape? Shape => null;

    /// <summary>Gets ready to compute.</summary>
    internal abstract FeatureComputation Open(torch.Device device);

    private sealed class PixelFeatures : ImageFeatureExtractor
    {
        internal override FeatureComputation Open(torch.Device device) => new(device, rows => rows.flatten(1));
    }

    private sealed class ColumnFeatures : ImageFeatureExtractor
    {
        internal override bool TakesImages => false;

        internal override FeatureComputation Open(torch.Device device) => new(device, rows => rows);
    }

    private sealed class ClassifierFeatures(ImageClassifierTransformer model) : ImageFeatureExtractor
    {
        internal override ImageShape? Shape => model.Definition.Architecture.Shape;

        internal override FeatureComputation Open(torch.Device device)
        {
            IDisposable use = model.Use();
            return new FeatureComputation(model.Device, model.Network.Features, owned: use);
        }
    }
}
