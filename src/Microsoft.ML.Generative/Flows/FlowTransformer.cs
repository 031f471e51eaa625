using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Flows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(FlowTransformer), null, typeof(SignatureLoadModel), "Normalizing flow", FlowTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained normalizing flow: adds latent values and the exact density to rows, and generates new rows.</summary>
/// <remarks>Its columns are listed at <see cref="FlowEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// FlowTransformer model = mlContext.Transforms.Generative().Flow("Image", labelColumnName: "Label", epochs: 5).Fit(data);
/// IDataView sevens = model.Generate(64, new() { Seed = 7, Label = 7 });
/// mlContext.Model.Save(model, data.Schema, "flow.zip");
/// </code>
/// </example>
public sealed class FlowTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeFlow";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("flow", "GEN FLOW", LoaderSignature, OldestVersion: ModelFormat.FirstDefinition);

    private readonly FlowDefinition _definition;
    private readonly FlowNetwork _network;
    private readonly torch.Device _device;
    private readonly RowEngine _engine;

    internal FlowTransformer(IHost host, FlowDefinition definition, FlowNetwork network, torch.Device device)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, network);
    }

    /// <summary>Values in a row, and in its latent vector: channels × height × width for images.</summary>
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
        _network.Encode(torch.zeros([rows, RowSize], device: _device), _definition.Conditions.Example(rows, _device).Labels);

    /// <summary>Generates new rows: latent values from N(0, 1), decoded.</summary>
    /// <param name="count">The number of rows.</param>
    /// <param name="options">Seed, temperature and class.</param>
    /// <returns>
    /// A column Generated of <see cref="RowSize"/> values per row, in the unit of the training data, bytes as 0..1; images have their
    /// shape in the column's type.
    /// </returns>
    /// <remarks>The n-th row depends on the seed and n alone, not on <paramref name="count"/>.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="count"/> is negative, or the temperature is negative or no number.
    /// </exception>
    /// <exception cref="ArgumentException">A label is missing, too high, or given to a model without labels.</exception>
    public IDataView Generate(int count, FlowGenerateOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new FlowGenerateOptions();
        OptionChecks.NoiseScale(options.Temperature);

        long seed = SeedSequence.Choose(_engine.Host, options.Seed);
        RowGeneration.CheckSize(count, RowSize);
        _definition.Conditions.Check(options.Conditions, count, nameof(options));
        return DecodeRows(RowNoise.Vectors(seed, count, RowSize, options.Temperature), options.Conditions);
    }

    /// <summary>The latent values of one row.</summary>
    /// <param name="row"><see cref="RowSize"/> values, bytes as 0..1.</param>
    /// <param name="label">The class, from 0; for models with labels, which need it.</param>
    /// <param name="labelName">The class by its name, one of <see cref="ClassNames"/>, in place of <paramref name="label"/>.</param>
    /// <returns><see cref="RowSize"/> values.</returns>
    /// <exception cref="ArgumentException">
    /// The row has another size or values out of range, or the label is missing, too high or not wanted.
    /// </exception>
    public float[] Encode(ReadOnlySpan<float> row, int? label = null, string? labelName = null) =>
        EncodeRow(row, new ConditionRequest(label) { LabelName = labelName }, nameof(row), nameof(label)).Latent;

    /// <summary>log p(x) of one row in nats, the negative of the column <see cref="FlowOptions.NegativeLogDensityColumnName"/>.</summary>
    /// <inheritdoc cref="Encode" path="/param"/>
    /// <inheritdoc cref="Encode" path="/exception"/>
    public double LogDensity(ReadOnlySpan<float> row, int? label = null, string? labelName = null) =>
        EncodeRow(row, new ConditionRequest(label) { LabelName = labelName }, nameof(row), nameof(label)).LogDensity;

    /// <summary>The row of one latent vector: the inverse of <see cref="Encode"/>.</summary>
    /// <param name="latent"><see cref="RowSize"/> values.</param>
    /// <param name="label">The class, from 0; for models with labels, which need it.</param>
    /// <param name="labelName">The class by its name, one of <see cref="ClassNames"/>, in place of <paramref name="label"/>.</param>
    /// <returns><see cref="RowSize"/> values.</returns>
    /// <exception cref="ArgumentException">The vector has another size, or the label is missing, too high or not wanted.</exception>
    public float[] Decode(ReadOnlySpan<float> latent, int? label = null, string? labelName = null)
    {
        RowChecks.HasValues(latent, RowSize, ValueRange.Finite, nameof(latent));
        var request = new ConditionRequest(label) { LabelName = labelName };
        _definition.Conditions.Check(request, 1, nameof(label));
        return DecodeValues(latent.ToArray(), request);
    }

    /// <summary>Rows on the straight line between two rows' latent values, both ends included.</summary>
    /// <param name="from">The first row, <see cref="RowSize"/> values, bytes as 0..1.</param>
    /// <param name="to">The last row.</param>
    /// <param name="count">The number of rows, at least 2.</param>
    /// <param name="options">
    /// The class, which models with labels need; seed and other choices of noise are ignored, since none is sampled.
    /// </param>
    /// <returns>A column Generated as <see cref="Generate"/> has.</returns>
    /// <exception cref="ArgumentException">
    /// A row has another size, <paramref name="count"/> is below 2, or the label is missing, too high or not wanted.
    /// </exception>
    public IDataView Interpolate(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, FlowGenerateOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        options ??= new FlowGenerateOptions();
        OptionChecks.NoiseScale(options.Temperature);
        ConditionRequest request = options.Conditions;
        float[] start = EncodeRow(from, request, nameof(from), nameof(options)).Latent;
        float[] end = EncodeRow(to, request, nameof(to), nameof(options)).Latent;
        RowGeneration.CheckSize(count, RowSize);
        float[] latents = new float[count * RowSize];
        for (int i = 0; i < latents.Length; i++)
            latents[i] = float.Lerp(start[i % RowSize], end[i % RowSize], i / RowSize / (count - 1f));
        return DecodeRows(latents, request);
    }

    internal FlowDefinition Definition => _definition;

    internal FlowArchitecture Architecture => _definition.Architecture;

    internal FlowNetwork Network => _network;

    internal torch.Device Device => _device;

    internal IDisposable Use() => _engine.Use();

    /// <summary>The rows, and their labels if there are some.</summary>
    internal static TensorColumn[] InputTensors(DataViewSchema schema, FlowArchitecture architecture, FlowColumns columns)
    {
        TensorColumn values = TensorColumn.Features(schema, columns.Input, architecture.Row, architecture.RangeOfValues());
        return [values, .. columns.Conditions(architecture.LabelCount).OpenColumns(schema)];
    }

    internal static OutputColumn[] OutputColumns(FlowColumns columns) =>
    [
        new(columns.Latent, NumberDataViewType.Single, IsVector: true),
        new(columns.NegativeLogDensity, NumberDataViewType.Single, IsVector: false),
    ];

    internal TensorColumn[] OpenColumns(DataViewSchema schema) => InputTensors(schema, Architecture, _definition.Columns);

    private RowMapping Bind(DataViewSchema schema)
    {
        FlowColumns columns = _definition.Columns;
        TensorInput[] inputs = TensorInput.All(OpenColumns(schema), _device);
        (TensorInput x, TensorInput[] conditions) = (inputs[0], inputs[1..]);
        var encoding = new RowValue<(torch.Tensor Latent, torch.Tensor LogDeterminant)>(rows =>
            _network.Encode(x.Of(rows), _definition.Conditions.Encode([.. conditions.Select(c => c.Of(rows))], first: 0).Labels));
        return new RowMapping(inputs,
        [
            RowOutput.Numbers(columns.Latent, new VectorDataViewType(NumberDataViewType.Single, RowSize), rows => encoding.Of(rows).Latent),
            RowOutput.Numbers(columns.NegativeLogDensity, NumberDataViewType.Single, rows =>
            {
                (torch.Tensor latent, torch.Tensor logDeterminant) = encoding.Of(rows);
                return FlowNetwork.NegativeLogDensity(latent, logDeterminant);
            }),
        ]);
    }

    private (float[] Latent, double LogDensity) EncodeRow(
        ReadOnlySpan<float> row, ConditionRequest request, string rowParameter, string labelParameter)
    {
        RowChecks.HasSize(row, RowSize, rowParameter);
        RowChecks.IsWithin(row, Architecture.RangeOfValues(), rowParameter);
        _definition.Conditions.Check(request, 1, labelParameter);
        using IDisposable use = Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor x = torch.tensor(row.ToArray(), [1, RowSize], device: _device);
        torch.Tensor? labels = _definition.Conditions.Encode(request, 0, 1, _device).Labels;
        (torch.Tensor latent, torch.Tensor logDeterminant) = _network.Encode(x, labels);
        float[] density = FiniteValues.ToArray(FlowNetwork.NegativeLogDensity(latent, logDeterminant), "The density");
        return (FiniteValues.ToArray(latent, "The latent vector"), -density[0]);
    }

    private MemoryDataView DecodeRows(float[] latents, ConditionRequest request)
    {
        float[] values = DecodeValues(latents, request);
        return new MemoryDataView(
            _engine.Host,
            MemoryColumn.Vectors(GeneratedColumnName, Architecture.Row.Type, values, SlotNames.ToAnnotations(_definition.Columns.Slots)),
            _definition.Conditions.GeneratedColumns(request, values.Length / RowSize));
    }

    private float[] DecodeValues(float[] latents, ConditionRequest request)
    {
        int count = latents.Length / RowSize;
        using IDisposable use = Use();
        return RowGeneration.Compute(_engine.Host, count, RowSize, _engine.RowsAtOnce, (start, rows) =>
        {
            torch.Tensor z = torch.tensor(latents.AsSpan(start * RowSize, rows * RowSize).ToArray(), [rows, RowSize], device: _device);
            return _network.Decode(z, _definition.Conditions.Encode(request, start, rows, _device).Labels);
        });
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = Use();
        ModelFile.Save(ctx, _format, _definition, [_network]);
    }

    // ML.NET finds the loader by this name and signature.
    private static FlowTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<FlowDefinition, FlowTransformer>(env, ctx, _format, file => new FlowTransformer(
            file.Host, file.Definition, file.Read(file.Definition.Flow), file.Device));

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
