using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Classification;
using Microsoft.ML.Generative.Images.Classification.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(ImageClassifierTransformer), null, typeof(SignatureLoadModel), "Image classifier",
    ImageClassifierTransformer.LoaderSignature)]

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
public sealed class ImageClassifierTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeClassifier";

    private static readonly ModelFormat _format = new("image-classifier", "GEN ICLS", LoaderSignature);

    private readonly ImageClassifierDefinition _definition;
    private readonly ImageClassifierNetwork _network;
    private readonly torch.Device _device;
    private readonly RowEngine _engine;

    internal ImageClassifierTransformer(
        IHost host, ImageClassifierDefinition definition, ImageClassifierNetwork network, torch.Device device)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, network);
    }

    /// <summary>The number of classes.</summary>
    public int ClassCount => _definition.Architecture.ClassCount;

    /// <summary>The names of the classes, in the order of their numbers; none for keys without values.</summary>
    public IReadOnlyList<string> ClassNames => _definition.Columns.Classes?.Values ?? [];

    /// <summary>Values in a description of an image, the column of <see cref="ImageClassifierOptions.FeaturesColumnName"/>.</summary>
    public int FeatureSize => _definition.Architecture.FeatureSize;

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => _network;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    void IBaseModel.RunExample(int rows, int tokens) => _network.Logits(_network.Features(
        torch.zeros([rows, .. _definition.Architecture.Shape.Dimensions], device: _device)));

    internal ImageClassifierDefinition Definition => _definition;

    internal ImageClassifierNetwork Network => _network;

    internal torch.Device Device => _device;

    internal IDisposable Use() => _engine.Use();

    internal static OutputColumn[] OutputColumns(ImageClassifierColumns columns, PrimitiveDataViewType? labelType)
    {
        OutputColumn predicted = new(columns.PredictedLabel, NumberDataViewType.UInt32, IsVector: false)
        {
            IsKey = true,
            Annotations = ScoreAnnotations.ShapeOfPredictedLabel(labelType),
        };
        OutputColumn score = new(
            columns.Score, NumberDataViewType.Single, IsVector: true)
        { Annotations = ScoreAnnotations.ShapeOfScores(labelType) };
        return columns.Features is { } features
            ? [predicted, score, new OutputColumn(features, NumberDataViewType.Single, IsVector: true)]
            : [predicted, score];
    }

    private RowMapping Bind(DataViewSchema schema)
    {
        ImageClassifierColumns columns = _definition.Columns;
        var x = new TensorInput(_definition.InputTensor(schema), _device);
        var features = new RowValue<torch.Tensor>(rows => _network.Features(x.Of(rows)));
        var probabilities = new RowValue<torch.Tensor>(
            rows => FiniteValues.Checked(_network.Logits(features.Of(rows)).softmax(1), "A score"));
        List<RowOutput> outputs =
        [
            RowOutput.Numbers(
                columns.PredictedLabel, new KeyDataViewType(typeof(uint), ClassCount), rows => probabilities.Of(rows).argmax(1).Plus(1),
                ScoreAnnotations.OfPredictedLabel(schema, columns.Classes)),
            RowOutput.Numbers(
                columns.Score, new VectorDataViewType(NumberDataViewType.Single, ClassCount), probabilities.Of,
                ScoreAnnotations.OfScores(schema, columns.Classes)),
        ];
        if (columns.Features is { } name)
            outputs.Add(RowOutput.Numbers(name, new VectorDataViewType(NumberDataViewType.Single, FeatureSize), features.Of));
        return new RowMapping([x], outputs);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _definition, [_network]);
    }

    // ML.NET finds the loader by this name and signature.
    private static ImageClassifierTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<ImageClassifierDefinition, ImageClassifierTransformer>(env, ctx, _format, file => new ImageClassifierTransformer(
            file.Host, file.Definition, file.Read(file.Definition.Classifier), file.Device));

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
