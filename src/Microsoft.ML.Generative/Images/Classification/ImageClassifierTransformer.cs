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

    private readonly ImageClassifierDefinition _definition;
    private readonly ImageClassifierNetwork _network;
    private readonly torch.Device _device;

    internal ImageClassifierTransformer(IHost host, ImageClassifierDefinition definition, ImageClassifierNetwork network, torch.Device device)
        : base(host)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _network.eval();
    }

    /// <summary>Classes that the model tells apart.</summary>
    public int ClassCount => _definition.Architecture.ClassCount;

    /// <summary>Values in a description of an image, the column of <see cref="ImageClassifierOptions.FeaturesColumnName"/>.</summary>
    public int FeatureSize => _definition.Architecture.FeatureSize;

    private protected override int RowsAtOnce => _definition.Defaults.TransformBatchSize;

    internal override IReadOnlyList<string> InputColumns => [_definition.Columns.Input];

    internal ImageClassifierDefinition Definition => _definition;

    internal ImageClassifierNetwork Network => _network;

    internal torch.Device Device => _device;

    internal void CheckIsAlive() => ThrowIfDisposed();

    internal static OutputColumn[] OutputColumns(ImageClassifierColumns columns, PrimitiveDataViewType? labelType)
    {
        OutputColumn predicted = new(columns.PredictedLabel, NumberDataViewType.UInt32, IsVector: false)
        {
            IsKey = true,
            Annotations = ScoreAnnotations.ShapeOfPredictedLabel(labelType),
        };
        OutputColumn score = new(columns.Score, NumberDataViewType.Single, IsVector: true) { Annotations = ScoreAnnotations.ShapeOfScores(labelType) };
        return columns.Features is { } features
            ? [predicted, score, new OutputColumn(features, NumberDataViewType.Single, IsVector: true)]
            : [predicted, score];
    }

    internal override DataViewSchema.DetachedColumn[] MakeOutputColumns(DataViewSchema inputSchema)
    {
        ThrowIfDisposed();
        _definition.InputTensor(inputSchema);
        ImageClassifierColumns columns = _definition.Columns;
        List<DataViewSchema.DetachedColumn> outputs =
        [
            new(columns.PredictedLabel, new KeyDataViewType(typeof(uint), ClassCount), ScoreAnnotations.OfPredictedLabel(inputSchema, columns.Classes)),
            new(columns.Score, new VectorDataViewType(NumberDataViewType.Single, ClassCount), ScoreAnnotations.OfScores(inputSchema, columns.Classes)),
        ];
        if (columns.Features is { } features)
            outputs.Add(new DataViewSchema.DetachedColumn(features, new VectorDataViewType(NumberDataViewType.Single, FeatureSize)));
        return [.. outputs];
    }

    internal override IRowBatch MakeBatch(DataViewRow input, Func<int, bool> activeOutput, int slots) => new TensorRowBatch(
        [_definition.InputTensor(input.Schema)], input, MakeOutputColumns(input.Schema), activeOutput, slots, _device, rows => Compute(rows.Batch[0], activeOutput));

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

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _definition, [_network]);

    // ML.NET finds the loader by this name and signature.
    private static ImageClassifierTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<ImageClassifierDefinition, ImageClassifierTransformer>(env, ctx, _format, file => new ImageClassifierTransformer(
            file.Host, file.Definition, file.Read(file.Definition.Classifier), file.Device));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _network.Dispose();
}
