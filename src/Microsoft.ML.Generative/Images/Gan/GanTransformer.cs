using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Gan.Generation;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(GanTransformer), null, typeof(SignatureLoadModel), "Generative adversarial network", GanTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained generator: generates new rows, interpolates them, finds the z of given ones, and adds a generated row to rows.</summary>
/// <remarks>Its columns are listed at <see cref="GanEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// GanTransformer model = mlContext.Transforms.Generative().Gan("Image", "Label").Fit(data);
/// IDataView images = model.Generate(16, new() { Seed = 7, Label = 3 });
/// mlContext.Model.Save(model, data.Schema, "gan.zip");
/// </code>
/// </example>
public sealed class GanTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "GenerativeGan";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("gan", "GEN GAN ", LoaderSignature);

    private readonly GanConfig _config;
    private readonly GeneratorNetwork _network;
    private readonly torch.Device _device;
    private readonly GanGenerator _generator;
    private readonly RowEngine _engine;

    internal GanTransformer(IHost host, GanConfig config, GeneratorNetwork network, torch.Device device)
    {
        _config = config;
        _network = network;
        _device = device;
        _generator = new GanGenerator(host, config, network, device);
        _network.eval();
        _engine = new RowEngine(host, this, Bind, config.Options.TransformBatchSize, network);
    }

    /// <summary>Dimensions of z.</summary>
    public int LatentSize => _config.Options.LatentSize;

    /// <summary>Values of a row: channels × height × width for images.</summary>
    public int RowSize => _config.RowSize;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _config.LabelCount;

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    /// <summary>Generates new rows.</summary>
    /// <param name="count">The number of rows.</param>
    /// <param name="options">Seed, class, truncation.</param>
    /// <returns>A column Generated of <see cref="RowSize"/> values per row; images are in 0..1 and have their shape in the column's type.</returns>
    /// <remarks>The n-th row depends on the options and n alone, not on <paramref name="count"/>, up to rounding.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or an option is out of its range.</exception>
    /// <exception cref="ArgumentException">A label is missing, too high or not wanted.</exception>
    /// <exception cref="OperationCanceledException">The generation was cancelled.</exception>
    public IDataView Generate(int count, GanGenerateOptions? options = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.Generate(count, options);
    }

    /// <summary>The z of the first row that <see cref="Generate"/> generates.</summary>
    /// <param name="seed">Its seed.</param>
    /// <param name="truncation">Its truncation, at least 0.01, if it has one.</param>
    /// <returns><see cref="LatentSize"/> values.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="truncation"/> is too low.</exception>
    public float[] SampleLatent(int seed, double? truncation = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.SampleLatent(seed, truncation);
    }

    /// <summary>Generates the row of one z.</summary>
    /// <param name="latent"><see cref="LatentSize"/> values.</param>
    /// <param name="label">The class, from 0; for models with labels, which need it.</param>
    /// <returns><see cref="RowSize"/> values; images are in 0..1, plane by plane.</returns>
    /// <exception cref="ArgumentException">The vector has another size, or the label is missing, too high or not wanted.</exception>
    public float[] Decode(ReadOnlySpan<float> latent, int? label = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.Decode(latent, label);
    }

    /// <summary>Generates rows between two z, along the sphere that samples of z lie near (White 2016).</summary>
    /// <param name="from">The first z, <see cref="LatentSize"/> values, such as <see cref="SampleLatent"/> and <see cref="Project"/> return.</param>
    /// <param name="to">The last z.</param>
    /// <param name="count">The number of rows, at least 2, both ends included.</param>
    /// <param name="label">The class of all rows, from 0; for models with labels, which need it.</param>
    /// <returns>As <see cref="Generate"/>.</returns>
    /// <exception cref="ArgumentException">A vector has another size, <paramref name="count"/> is below 2, or the label is missing, too high or not wanted.</exception>
    public IDataView Interpolate(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, int? label = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.Interpolate(from, to, count, label);
    }

    /// <summary>Finds the z whose row is nearest to a given one, by the mean squared difference (Zhu et al. 2016, eq. 5).</summary>
    /// <param name="row"><see cref="RowSize"/> values; those of images in 0..1, plane by plane.</param>
    /// <param name="options">Class, steps, learning rate, seed.</param>
    /// <returns><see cref="LatentSize"/> values, for <see cref="Decode"/> and <see cref="Interpolate"/>.</returns>
    /// <exception cref="ArgumentException">The row has another size or impossible values, an option is out of its range, or the label is missing, too high or not wanted.</exception>
    /// <exception cref="OperationCanceledException">The search was cancelled.</exception>
    public float[] Project(ReadOnlySpan<float> row, GanProjectOptions? options = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.Project(row, options);
    }

    internal GanConfig Config => _config;

    internal GeneratorNetwork Network => _network;

    /// <summary>The columns that a training reads: rows, then labels if there are some.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, GanOptions options, ImageShape? shape, int labelCount)
    {
        TensorColumn rows = FeatureColumn(schema, options, shape);
        return options.LabelColumnName is { } label ? [rows, TensorColumn.Label(schema, label, labelCount)] : [rows];
    }

    private static TensorColumn FeatureColumn(DataViewSchema schema, GanOptions options, ImageShape? shape) =>
        TensorColumn.Features(schema, options.InputColumnName, shape, shape is null ? ValueRange.Finite : ValueRange.Unit);

    internal static OutputColumn[] OutputColumns(GanOptions options) => [new(options.GeneratedColumnName, NumberDataViewType.Single, IsVector: true)];

    private RowMapping Bind(DataViewSchema schema)
    {
        GanOptions options = _config.Options;
        TensorInput? seeds = options.SeedColumnName is { } seed ? new(TensorColumn.Seed(schema, seed), _device) : null;
        TensorInput? x = seeds is null ? new(FeatureColumn(schema, options, _config.Shape), _device) : null;
        TensorInput? labels = options.LabelColumnName is { } label ? new(TensorColumn.Label(schema, label, LabelCount), _device) : null;
        // Where there is a seed it alone decides, so that one seed shows the same z in all classes.
        TensorInput?[] sources = seeds is null ? [labels, x] : [seeds];
        return new RowMapping([seeds, x, labels],
        [
            RowOutput.Numbers(options.GeneratedColumnName, _config.RowType, rows => _generator.Generate(
                LatentSamples.Of(rows.Keys(_config.Seed, sources), LatentSize, options.Truncation), labels?.Of(rows))),
        ]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _config, _network);
    }

    // ML.NET finds the loader by this name and signature.
    private static GanTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        GanConfig config = ModelFile.LoadConfig<GanConfig>(host, ctx, _format);
        (GeneratorNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, config);
        return new GanTransformer(host, config, network, device);
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
