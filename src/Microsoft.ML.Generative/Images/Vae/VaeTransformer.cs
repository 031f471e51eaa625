using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(VaeTransformer), null, typeof(SignatureLoadModel), "Variational autoencoder",
    VaeTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>
/// A trained variational autoencoder: adds latent means, reconstructions and anomaly scores to rows, and generates new rows.
/// </summary>
/// <remarks>Its columns are listed at <see cref="VaeEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
/// IDataView images = model.Generate(64, new() { Seed = 7 });
/// mlContext.Model.Save(model, data.Schema, "vae.zip");
/// </code>
/// </example>
public sealed class VaeTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeVae";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("vae", "GEN VAE ", LoaderSignature);

    private readonly VaeDefinition _definition;
    private readonly VaeNetwork _network;
    private readonly torch.Device _device;
    private readonly ConditionSet _conditions;
    private readonly RowEngine _engine;

    internal VaeTransformer(IHost host, VaeDefinition definition, VaeNetwork network, torch.Device device)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _conditions = definition.Conditions;
        _network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, network);
    }

    /// <summary>Dimensions of the latent space.</summary>
    public int LatentSize => _definition.Architecture.LatentSize;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _definition.Architecture.LabelCount;

    /// <summary>
    /// The names of the classes, in the order of their numbers; none for a model without labels, or of labels without names.
    /// </summary>
    public IReadOnlyList<string> ClassNames => _definition.Columns.Classes?.Values ?? [];

    /// <summary>Values in a row: channels × height × width for images.</summary>
    public int RowSize => _definition.Architecture.Row.Size;

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => _network;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    void IBaseModel.RunExample(int rows, int tokens)
    {
        torch.Tensor? labels = _conditions.Example(rows, _device).Labels;
        torch.Tensor x = torch.zeros([rows, .. _definition.Architecture.Row.Dimensions], device: _device);
        _network.Decode(_network.Encode(x, labels).Mean, labels);
    }

    /// <summary>Generates new rows: z from the prior N(0, 1), decoded.</summary>
    /// <param name="count">How many.</param>
    /// <param name="options">Seed and temperature.</param>
    /// <returns>
    /// A column Generated of <see cref="RowSize"/> values a row, the decoder's means; images have their shape in the column's type.
    /// </returns>
    /// <remarks>The n-th row depends on the seed and n alone, not on <paramref name="count"/>.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="count"/> is negative, or the temperature is negative or no number.
    /// </exception>
    /// <exception cref="ArgumentException">A label is missing, too high, or given to a model without labels.</exception>
    public IDataView Generate(int count, VaeGenerateOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new VaeGenerateOptions();
        OptionChecks.NoiseScale(options.Temperature);

        long seed = SeedSequence.Choose(_engine.Host, options.Seed);
        RowGeneration.CheckSize(count, Math.Max(RowSize, LatentSize));
        _conditions.Check(options.Conditions, count, nameof(options));
        return DecodeRows(RowNoise.Vectors(seed, count, LatentSize, options.Temperature), options.Conditions);
    }

    /// <summary>The mean of q(z|x) for one row.</summary>
    /// <param name="row"><see cref="RowSize"/> values, pixels in 0..1.</param>
    /// <param name="label">The class, from 0; for models with labels, which need it.</param>
    /// <param name="labelName">The class by its name, one of <see cref="ClassNames"/>, in place of <paramref name="label"/>.</param>
    /// <returns><see cref="LatentSize"/> values.</returns>
    /// <exception cref="ArgumentException">The row has another size, or the label is missing, too high or not wanted.</exception>
    public float[] Encode(ReadOnlySpan<float> row, int? label = null, string? labelName = null)
    {
        RowChecks.HasValues(row, RowSize, ValueRange.Finite, nameof(row));
        var request = new ConditionRequest(label) { LabelName = labelName };
        _conditions.Check(request, 1, nameof(label));
        return Encode(row, request);
    }

    private float[] Encode(ReadOnlySpan<float> row, ConditionRequest request)
    {
        using IDisposable use = _engine.Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor x = torch.tensor(row.ToArray(), [1, .. _definition.Architecture.Row.Dimensions], device: _device);
        return FiniteValues.ToArray(_network.Encode(x, _conditions.Encode(request, 0, 1, _device).Labels).Mean, "The latent vector");
    }

    /// <summary>The decoder's mean for one latent vector.</summary>
    /// <param name="latent"><see cref="LatentSize"/> values.</param>
    /// <param name="label">The class, from 0; for models with labels, which need it.</param>
    /// <param name="labelName">The class by its name, one of <see cref="ClassNames"/>, in place of <paramref name="label"/>.</param>
    /// <returns><see cref="RowSize"/> values.</returns>
    /// <exception cref="ArgumentException">The vector has another size, or the label is missing, too high or not wanted.</exception>
    public float[] Decode(ReadOnlySpan<float> latent, int? label = null, string? labelName = null)
    {
        RowChecks.HasValues(latent, LatentSize, ValueRange.Finite, nameof(latent));
        var request = new ConditionRequest(label) { LabelName = labelName };
        _conditions.Check(request, 1, nameof(label));
        return DecodeValues(latent.ToArray(), request);
    }

    /// <summary>Rows on the straight line between two rows' latent means, both ends included.</summary>
    /// <param name="from">The first row, <see cref="RowSize"/> values.</param>
    /// <param name="to">The last row.</param>
    /// <param name="count">How many rows, at least 2.</param>
    /// <param name="options">
    /// The class, which models with labels need; seed and other choices of noise are ignored, since none is sampled.
    /// </param>
    /// <returns>A column Generated as <see cref="Generate"/> has.</returns>
    /// <exception cref="ArgumentException">
    /// A row has another size, <paramref name="count"/> is below 2, or the label is missing, too high or not wanted.
    /// </exception>
    public IDataView Interpolate(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, VaeGenerateOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        RowChecks.HasValues(from, RowSize, ValueRange.Finite, nameof(from));
        RowChecks.HasValues(to, RowSize, ValueRange.Finite, nameof(to));
        options ??= new VaeGenerateOptions();
        OptionChecks.NoiseScale(options.Temperature);
        ConditionRequest request = options.Conditions;
        _conditions.Check(request, count, nameof(options));
        float[] start = Encode(from, request);
        float[] end = Encode(to, request);
        RowGeneration.CheckSize(count, Math.Max(RowSize, LatentSize));
        float[] latents = new float[count * LatentSize];
        for (int i = 0; i < latents.Length; i++)
            latents[i] = float.Lerp(start[i % LatentSize], end[i % LatentSize], i / LatentSize / (count - 1f));
        return DecodeRows(latents, request);
    }

    /// <summary>
    /// Rows decoded from a grid over two latent dimensions, at equally probable values of the prior (Kingma and Welling 2013, figure 4).
    /// The other dimensions are 0.
    /// </summary>
    /// <param name="rows">Values along <paramref name="dimensionY"/>.</param>
    /// <param name="columns">Values along <paramref name="dimensionX"/>.</param>
    /// <param name="dimensionX">The latent dimension that changes from left to right.</param>
    /// <param name="dimensionY">The latent dimension that changes from top to bottom.</param>
    /// <param name="label">The class of all rows, from 0; for models with labels, which need it.</param>
    /// <param name="labelName">The class by its name, one of <see cref="ClassNames"/>, in place of <paramref name="label"/>.</param>
    /// <returns>A column Generated as <see cref="Generate"/> has: the grid row by row.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or there is no such dimension.</exception>
    /// <exception cref="ArgumentException">The label is missing, too high or not wanted.</exception>
    public IDataView LatentGrid(int rows, int columns, int dimensionX = 0, int dimensionY = 1, int? label = null, string? labelName = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        foreach (int dimension in (int[])[dimensionX, dimensionY])
        {
            if (dimension < 0 || dimension >= LatentSize)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(dimensionX), dimension, $"The latent space has dimensions 0 to {LatentSize - 1}.");
            }
        }

        RowGeneration.CheckSize((long)rows * columns, Math.Max(RowSize, LatentSize), nameof(rows));
        var request = new ConditionRequest(label) { LabelName = labelName };
        _conditions.Check(request, rows * columns, nameof(label));
        float[] latents = new float[rows * columns * LatentSize];
        float[] x = PriorQuantiles(columns);
        float[] y = PriorQuantiles(rows);
        for (int i = 0; i < rows * columns; i++)
        {
            latents[i * LatentSize + dimensionX] = x[i % columns];
            latents[i * LatentSize + dimensionY] = y[i / columns];
        }

        return DecodeRows(latents, request);
    }

    // The middles of equally probable parts of N(0, 1).
    private static float[] PriorQuantiles(int count)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor probabilities = TensorFactory.Range(count, torch.float64).Plus(0.5).Over(count);
        return TensorMemory.ToArray<float>(torch.special.ndtri(probabilities).to(torch.float32));
    }

    private MemoryDataView DecodeRows(float[] latents, ConditionRequest request)
    {
        float[] values = DecodeValues(latents, request);
        return new MemoryDataView(
            _engine.Host,
            MemoryColumn.Vectors(
                GeneratedColumnName, _definition.Architecture.Row.Type, values, SlotNames.ToAnnotations(_definition.Columns.Slots)),
            _conditions.GeneratedColumns(request, values.Length / RowSize));
    }

    private float[] DecodeValues(float[] latents, ConditionRequest request)
    {
        int count = latents.Length / LatentSize;
        using IDisposable use = _engine.Use();
        return RowGeneration.Compute(_engine.Host, count, RowSize, _engine.RowsAtOnce, (start, rows) =>
        {
            torch.Tensor z = torch.tensor(
                latents.AsSpan(start * LatentSize, rows * LatentSize).ToArray(), [rows, LatentSize], device: _device);
            return _network.DecodeMean(z, _conditions.Encode(request, start, rows, _device).Labels);
        });
    }

    internal VaeDefinition Definition => _definition;

    internal VaeNetwork Network => _network;

    internal torch.Device Device => _device;

    internal IDisposable Use() => _engine.Use();

    /// <summary>The rows, and their labels if there are some.</summary>
    internal static TensorColumn[] InputTensors(DataViewSchema schema, VaeArchitecture architecture, VaeColumns columns) =>
        InputTensors(schema, architecture, columns, VaeDecoderLikelihood.RangeOf(architecture.Likelihood));

    /// <summary>The same for a training, which unscaled values would end.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, VaeArchitecture architecture, VaeColumns columns) =>
        InputTensors(schema, architecture, columns, VaeDecoderLikelihood.TrainingRangeOf(architecture.Likelihood));

    private static TensorColumn[] InputTensors(DataViewSchema schema, VaeArchitecture architecture, VaeColumns columns, ValueRange range)
    {
        TensorColumn values = TensorColumn.Features(
            schema, columns.Input, architecture.Row, range,
            $"set {nameof(VaeOptions.Likelihood)} to {VaeLikelihood.Gaussian}, for values that are no intensities");
        return [values, .. columns.Conditions(architecture.LabelCount).OpenColumns(schema)];
    }

    internal static OutputColumn[] OutputColumns(VaeColumns columns, SchemaShape? slots) =>
    [
        new(columns.Latent, NumberDataViewType.Single, IsVector: true),
        new(columns.Reconstruction, NumberDataViewType.Single, IsVector: true) { Annotations = slots },
        new(columns.ReconstructionError, NumberDataViewType.Single, IsVector: false),
        new(columns.NegativeElbo, NumberDataViewType.Single, IsVector: false),
        .. OutputColumn.Images(columns.ReconstructionImage),
    ];

    internal TensorColumn[] OpenColumns(DataViewSchema schema) => InputTensors(schema, _definition.Architecture, _definition.Columns);

    private RowMapping Bind(DataViewSchema schema)
    {
        VaeColumns columns = _definition.Columns;
        TensorInput[] inputs = TensorInput.All(OpenColumns(schema), _device);
        TensorInput x = inputs[0];
        TensorInput? labels = inputs.ElementAtOrDefault(1);
        var encoding = new RowValue<(torch.Tensor Mean, torch.Tensor LogVariance)>(rows => _network.Encode(x.Of(rows), labels?.Of(rows)));
        var error = new RowValue<torch.Tensor>(rows =>
        {
            (torch.Tensor mean, torch.Tensor logVariance) = encoding.Of(rows);
            torch.Tensor noise = new KeyedNoise(rows.Keys(_definition.Defaults.Seed, inputs), [LatentSize], _device).Next();
            torch.Tensor decoded = _network.Decode(VaeNetwork.Reparameterize(mean, logVariance, noise), labels?.Of(rows));
            return _network.NegativeLogLikelihood(decoded, x.Of(rows), torch.nn.Reduction.None).sum(1);
        });
        var reconstruction = new RowValue<torch.Tensor>(rows => _network.DecodeMean(encoding.Of(rows).Mean, labels?.Of(rows)));
        return new RowMapping(inputs,
        [
            RowOutput.Numbers(
                columns.Latent, new VectorDataViewType(NumberDataViewType.Single, LatentSize), rows => encoding.Of(rows).Mean),
            RowOutput.Numbers(
                columns.Reconstruction, _definition.Architecture.Row.Type, reconstruction.Of,
                SlotNames.ToAnnotations(SlotNames.Of(schema, columns.Input) ?? columns.Slots)),
            RowOutput.Numbers(columns.ReconstructionError, NumberDataViewType.Single, error.Of),
            RowOutput.Numbers(columns.NegativeElbo, NumberDataViewType.Single, rows =>
            {
                (torch.Tensor mean, torch.Tensor logVariance) = encoding.Of(rows);
                return error.Of(rows).Plus(VaeNetwork.KlDivergence(mean, logVariance).sum(1));
            }),
            .. RowOutput.OptionalImages(columns.ReconstructionImage, _definition.Architecture.Row.Image, reconstruction.Of),
        ]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _definition, [_network]);
    }

    // ML.NET finds the loader by this name and signature.
    private static VaeTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<VaeDefinition, VaeTransformer>(env, ctx, _format, file => new VaeTransformer(
            file.Host, file.Definition, file.Read(file.Definition.Autoencoder), file.Device));

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}

/// <summary>Options of <see cref="VaeTransformer.Generate"/>.</summary>
public sealed class VaeGenerateOptions
{
    /// <summary>The same seed generates the same rows. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>Scale of the latent noise, 0 to 100: below 1 generates more typical rows. Default: 1.</summary>
    public double Temperature { get; set; } = 1;

    /// <summary>
    /// The class of all rows, from 0 (a key column's values count from 1: the first is 0 here); models with labels need it, or
    /// <see cref="LabelName"/>. Default: none.
    /// </summary>
    public int? Label { get; set; }

    /// <summary>
    /// The name of the class of all rows, one of <see cref="VaeTransformer.ClassNames"/>, in place of <see cref="Label"/>. Default: none.
    /// </summary>
    public string? LabelName { get; set; }

    internal ConditionRequest Conditions => new(Label) { LabelName = LabelName };
}
