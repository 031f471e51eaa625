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
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(GanTransformer), null, typeof(SignatureLoadModel), "Generative adversarial network",
    GanTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>
/// A trained generator: generates new rows, interpolates them, finds the z of given ones, and adds a generated row to rows.
/// </summary>
/// <remarks>Its columns are listed at <see cref="GanEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// GanTransformer model = mlContext.Transforms.Generative().Gan("Image", labelColumnName: "Label").Fit(data);
/// IDataView images = model.Generate(16, new() { Seed = 7, Label = 3 });
/// mlContext.Model.Save(model, data.Schema, "gan.zip");
/// </code>
/// </example>
public sealed class GanTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeGan";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("gan", "GEN GAN ", LoaderSignature);

    private readonly GanDefinition _definition;
    private readonly GeneratorNetwork _network;
    private readonly torch.Device _device;
    private readonly GanGenerator _generator;
    private readonly RowEngine _engine;

    internal GanTransformer(IHost host, GanDefinition definition, GeneratorNetwork network, torch.Device device)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _generator = new GanGenerator(host, definition, network, device);
        _network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, network);
    }

    /// <summary>Dimensions of z.</summary>
    public int LatentSize => _definition.Architecture.LatentSize;

    /// <summary>Values of a row: channels × height × width for images.</summary>
    public int RowSize => _definition.Architecture.Row.Size;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _definition.Architecture.LabelCount;

    /// <summary>
    /// The names of the classes, in the order of their numbers; none for a model without labels, or of labels without names.
    /// </summary>
    public IReadOnlyList<string> ClassNames => _definition.Columns.Classes?.Values ?? [];

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => _network;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    void IBaseModel.RunExample(int rows, int tokens) =>
        _network.Forward(torch.zeros([rows, LatentSize], device: _device), _definition.Conditions.Example(rows, _device).Labels);

    /// <summary>Generates new rows.</summary>
    /// <param name="count">The number of rows.</param>
    /// <param name="options">Seed, class, truncation.</param>
    /// <returns>
    /// A column Generated of <see cref="RowSize"/> values per row; images are in 0..1 and have their shape in the column's type.
    /// </returns>
    /// <remarks>The n-th row depends on the options and n alone, not on <paramref name="count"/>, up to rounding.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or an option is out of its range.</exception>
    /// <exception cref="ArgumentException">A label is missing, too high or not wanted.</exception>
    /// <exception cref="OperationCanceledException">The generation was canceled.</exception>
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
    /// <param name="labelName">The class by its name, one of <see cref="ClassNames"/>, in place of <paramref name="label"/>.</param>
    /// <returns><see cref="RowSize"/> values; images are in 0..1, plane by plane.</returns>
    /// <exception cref="ArgumentException">The vector has another size, or the label is missing, too high or not wanted.</exception>
    public float[] Decode(ReadOnlySpan<float> latent, int? label = null, string? labelName = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.Decode(latent, label, labelName);
    }

    /// <summary>Generates rows between two z, along the sphere that samples of z lie near (White 2016).</summary>
    /// <param name="from">
    /// The first z, <see cref="LatentSize"/> values, such as <see cref="SampleLatent"/> and <see cref="Project"/> return.
    /// </param>
    /// <param name="to">The last z.</param>
    /// <param name="count">The number of rows, at least 2, both ends included.</param>
    /// <param name="options">
    /// The class, which models with labels need; seed and other choices of noise are ignored, since none is sampled.
    /// </param>
    /// <returns>As <see cref="Generate"/>.</returns>
    /// <exception cref="ArgumentException">
    /// A vector has another size, <paramref name="count"/> is below 2, or the label is missing, too high or not wanted.
    /// </exception>
    public IDataView Interpolate(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, GanGenerateOptions? options = null)
    {
        options ??= new GanGenerateOptions();
        options.Validate();
        using IDisposable use = _engine.Use();
        return _generator.Interpolate(from, to, count, options.Conditions, options.BatchSize, options.CancellationToken);
    }

    /// <summary>Finds the z whose row is nearest to a given one, by the mean squared difference (Zhu et al. 2016, eq. 5).</summary>
    /// <param name="row"><see cref="RowSize"/> values; those of images in 0..1, plane by plane.</param>
    /// <param name="options">Class, steps, learning rate, seed.</param>
    /// <returns><see cref="LatentSize"/> values, for <see cref="Decode"/> and <see cref="Interpolate"/>.</returns>
    /// <exception cref="ArgumentException">
    /// The row has another size or impossible values, an option is out of its range, or the label is missing, too high or not wanted.
    /// </exception>
    /// <exception cref="OperationCanceledException">The search was canceled.</exception>
    public float[] Project(ReadOnlySpan<float> row, GanProjectOptions? options = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.Project(row, options);
    }

    internal GanDefinition Definition => _definition;

    internal GeneratorNetwork Network => _network;

    /// <summary>The columns that a training reads: rows, then their conditions.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, GanArchitecture architecture, GanColumns columns) =>
        [RowColumn(schema, architecture, columns, ValueRange.Scaled), .. columns.Conditions(architecture.LabelCount).OpenColumns(schema)];

    private static TensorColumn RowColumn(DataViewSchema schema, GanArchitecture architecture, GanColumns columns, ValueRange ofVectors) =>
        TensorColumn.Features(schema, columns.Input, architecture.Row, architecture.Row.Image is null ? ofVectors : ValueRange.Unit);

    internal static OutputColumn[] OutputColumns(GanColumns columns, SchemaShape? slots) =>
        [new(columns.Generated, NumberDataViewType.Single, IsVector: true) { Annotations = slots },
            .. OutputColumn.Images(columns.GeneratedImage)];

    private RowMapping Bind(DataViewSchema schema)
    {
        (GanArchitecture architecture, GanColumns columns) = (_definition.Architecture, _definition.Columns);
        var source = new TensorInput(
            columns.Seed is { } seed ? TensorColumn.Seed(schema, seed) : RowColumn(schema, architecture, columns, ValueRange.Finite),
            _device);
        TensorInput[] conditions = TensorInput.All(_definition.Conditions.OpenColumns(schema), _device);
        // Where there is a seed it alone decides, so that one seed shows the same z in all classes.
        TensorInput[] sources = columns.Seed is null ? [.. conditions, source] : [source];
        var generated = new RowValue<torch.Tensor>(rows => _generator.Generate(
            _generator.SampleLatents(rows.Keys(_definition.Defaults.Seed, sources), _definition.Defaults.Truncation),
            _definition.Conditions.Encode([.. conditions.Select(c => c.Of(rows))], first: 0)));
        return new RowMapping([source, .. conditions],
        [
            RowOutput.Numbers(
                columns.Generated, architecture.Row.Type, generated.Of,
                SlotNames.ToAnnotations(SlotNames.Of(schema, columns.Input) ?? columns.Slots)),
            .. RowOutput.OptionalImages(columns.GeneratedImage, architecture.Row.Image, generated.Of),
        ]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _definition, [_network]);
    }

    // ML.NET finds the loader by this name and signature.
    private static GanTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<GanDefinition, GanTransformer>(env, ctx, _format, file => new GanTransformer(
            file.Host, file.Definition, file.Read(file.Definition.Generator), file.Device));

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
