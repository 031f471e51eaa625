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
public sealed class ImageClassifierTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "GenerativeClassifier";

    private static readonly ModelFormat _format = new("image-classifier", "GEN ICLS", LoaderSignature);

    private readonly ImageClassifierConfig _config;
    private readonly ImageClassifierNetwork _network;
    private readonly torch.Device _device;
    private readonly RowEngine _engine;

    internal ImageClassifierTransformer(IHost host, ImageClassifierConfig config, ImageClassifierNetwork network, torch.Device device)
    {
        _config = config;
        _network = network;
        _device = device;
        _network.eval();
        _engine = new RowEngine(host, this, Bind, config.Options.TransformBatchSize, network);
    }

    /// <summary>Classes that the model tells apart.</summary>
    public int ClassCount => _config.ClassCount;

    /// <summary>Values in a description of an image, the column of <see cref="ImageClassifierOptions.FeaturesColumnName"/>.</summary>
    public int FeatureSize => _config.Options.FeatureSize;

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    internal ImageClassifierConfig Config => _config;

    internal ImageClassifierNetwork Network => _network;

    internal torch.Device Device => _device;

    internal IDisposable Use() => _engine.Use();

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

    private RowMapping Bind(DataViewSchema schema)
    {
        ImageClassifierOptions options = _config.Options;
        var x = new TensorInput(_config.InputTensor(schema), _device);
        var features = new RowValue<torch.Tensor>(rows => _network.Features(x.Of(rows)));
        var probabilities = new RowValue<torch.Tensor>(rows => _network.Logits(features.Of(rows)).softmax(1));
        List<RowOutput> outputs =
        [
            RowOutput.Numbers(
                options.PredictedLabelColumnName, new KeyDataViewType(typeof(uint), ClassCount), rows => probabilities.Of(rows).argmax(1).Plus(1),
                ScoreAnnotations.OfPredictedLabel(schema, _config.Labels)),
            RowOutput.Numbers(
                options.ScoreColumnName, new VectorDataViewType(NumberDataViewType.Single, ClassCount), probabilities.Of,
                ScoreAnnotations.OfScores(schema, _config.Labels)),
        ];
        if (options.FeaturesColumnName is { } name)
            outputs.Add(RowOutput.Numbers(name, new VectorDataViewType(NumberDataViewType.Single, FeatureSize), features.Of));
        return new RowMapping([x], outputs);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _config, _network);
    }

    // ML.NET finds the loader by this name and signature.
    private static ImageClassifierTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        ImageClassifierConfig config = ModelFile.LoadConfig<ImageClassifierConfig>(host, ctx, _format);
        (ImageClassifierNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, config);
        return new ImageClassifierTransformer(host, config, network, device);
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
