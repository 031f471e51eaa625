using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Classification;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(ImageClassifierTransformer), null, typeof(SignatureLoadModel), "Image classifier", ImageClassifierTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained image classifier: adds the most probable class and the probability of each to rows.</summary>
/// <remarks>Its columns are listed at <see cref="ImageClassifierEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// ImageClassifierTransformer model = mlContext.Transforms.Generative().ImageClassifier("Label", "Image").Fit(data);
/// var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(testData));
/// Console.WriteLine($"accuracy {metrics.MicroAccuracy:P2}");
/// </code>
/// </example>
public sealed class ImageClassifierTransformer : BatchTransformer
{
    internal const string LoaderSignature = "GenerativeClassifier";

    private static readonly ModelFormat _format = new("image-classifier", "GEN ICLS", LoaderSignature);

    private readonly ImageClassifierConfig _config;
    private readonly ImageClassifierNetwork _network;
    private readonly torch.Device _device;

    internal ImageClassifierTransformer(IHost host, ImageClassifierConfig config, ImageClassifierNetwork network, torch.Device device)
        : base(host)
    {
        _config = config;
        _network = network;
        _device = device;
        _network.eval();
    }

    /// <summary>Classes that the model tells apart.</summary>
    public int ClassCount => _config.ClassCount;

    /// <summary>Values in a description of an image, the column of <see cref="ImageClassifierOptions.FeaturesColumnName"/>.</summary>
    public int FeatureSize => _config.Options.FeatureSize;

    private protected override int RowsAtOnce => _config.Options.TransformBatchSize;

    internal override IReadOnlyList<string> InputColumns => [_config.Options.InputColumnName];

    internal ImageClassifierConfig Config => _config;

    internal ImageClassifierNetwork Network => _network;

    internal torch.Device Device => _device;

    internal void CheckIsAlive() => ThrowIfDisposed();

    internal static OutputColumn[] OutputColumns(ImageClassifierOptions options, PrimitiveDataViewType? labelType)
    {
        OutputColumn predicted = new(options.PredictedLabelColumnName, NumberDataViewType.UInt32, IsVector: false)
        {
            IsKey = true,
            Annotations = ScoreAnnotations.ShapeOfPredictedLabel(labelType),
        };
        OutputColumn score = new(options.ScoreColumnName, NumberDataViewType.Single, IsVector: true) { Annotations = ScoreAnnotations.ShapeOfScores(labelType) };
        return options.FeaturesColumnName is { } features
            ? [predicted, score, new OutputColumn(features, NumberDataViewType.Single, IsVector: true)]
            : [predicted, score];
    }

    internal override DataViewSchema.DetachedColumn[] MakeOutputColumns(DataViewSchema inputSchema)
    {
        ThrowIfDisposed();
        _config.InputTensor(inputSchema);
        ImageClassifierOptions options = _config.Options;
        List<DataViewSchema.DetachedColumn> columns =
        [
            new(options.PredictedLabelColumnName, new KeyDataViewType(typeof(uint), ClassCount), ScoreAnnotations.OfPredictedLabel(inputSchema, _config.Labels)),
            new(options.ScoreColumnName, new VectorDataViewType(NumberDataViewType.Single, ClassCount), ScoreAnnotations.OfScores(inputSchema, _config.Labels)),
        ];
        if (options.FeaturesColumnName is { } features)
            columns.Add(new DataViewSchema.DetachedColumn(features, new VectorDataViewType(NumberDataViewType.Single, FeatureSize)));
        return [.. columns];
    }

    internal override IRowBatch MakeBatch(DataViewRow input, Func<int, bool> activeOutput, int slots) => new TensorRowBatch(
        [_config.InputTensor(input.Schema)], input, MakeOutputColumns(input.Schema), activeOutput, slots, _device, rows => Compute(rows.Batch[0], activeOutput));

    private List<torch.Tensor> Compute(torch.Tensor x, Func<int, bool> active)
    {
        ThrowIfDisposed();
        List<torch.Tensor> results = [];
        torch.Tensor features = _network.Features(x);
        if (active(0) || active(1))
        {
            torch.Tensor probabilities = _network.Logits(features).softmax(1);
            if (active(0))
                results.Add(probabilities.argmax(1).Plus(1));
            if (active(1))
                results.Add(probabilities);
        }

        if (active(2))
            results.Add(features);
        return results;
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _config, _network);

    // ML.NET finds the loader by this name and signature.
    private static ImageClassifierTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        ImageClassifierConfig config = ModelFile.LoadConfig<ImageClassifierConfig>(host, ctx, _format);
        (ImageClassifierNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, config);
        return new ImageClassifierTransformer(host, config, network, device);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _network.Dispose();
}
