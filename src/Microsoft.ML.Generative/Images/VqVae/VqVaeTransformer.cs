using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.VqVae;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(VqVaeTransformer), null, typeof(SignatureLoadModel), "Vector-quantized autoencoder", VqVaeTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained vector-quantized autoencoder: adds codes, reconstructions and scores to images, and draws new images.</summary>
/// <remarks>Its columns are listed at <see cref="VqVaeEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// VqVaeTransformer model = mlContext.Transforms.Generative().VqVae("Image").Fit(data);
/// IDataView images = model.Generate(64, new() { Seed = 7 });
/// mlContext.Model.Save(model, data.Schema, "vq-vae.zip");
/// </code>
/// </example>
public sealed class VqVaeTransformer : BatchTransformer
{
    internal const string LoaderSignature = "GenerativeVqVae";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("vq-vae", "GEN VQVA", LoaderSignature);

    private readonly VqVaeDefinition _definition;
    private readonly VqVaeNetwork _network;
    private readonly torch.Device _device;
    private readonly CodeGrid _grid;

    internal VqVaeTransformer(IHost host, VqVaeDefinition definition, VqVaeNetwork network, torch.Device device)
        : base(host)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _grid = definition.Architecture.Grid;
        _network.eval();
    }

    /// <summary>How many codes there are to choose from; a code is 0 to this less 1.</summary>
    public int CodebookSize => _definition.Architecture.CodebookSize;

    /// <summary>Height of an image's grid of codes.</summary>
    public int CodesHeight => _grid.Height;

    /// <summary>Width of an image's grid of codes.</summary>
    public int CodesWidth => _grid.Width;

    /// <summary>Values in a row: channels × height × width.</summary>
    public int RowSize => _definition.Architecture.Shape.Size;

    /// <summary>Draws new images: codes from the prior, decoded.</summary>
    /// <param name="count">How many.</param>
    /// <param name="options">Seed and temperature.</param>
    /// <returns>A column Generated of <see cref="RowSize"/> values in 0..1 a row, with the image's shape in the column's type.</returns>
    /// <remarks>The n-th image depends on the seed and n alone, not on <paramref name="count"/>.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative, or the temperature is negative or no number.</exception>
    public IDataView Generate(int count, VqVaeGenerateOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new VqVaeGenerateOptions();
        OptionChecks.AtLeast(options.Temperature, 0);

        long seed = SeedSequence.Choose(Host, options.Seed);
        return Rows(ComputeRows(count, RowSize, (start, rows) => Decode(CodeSampler.Draw(
            _network.Prior, _grid, seed, start, rows, options.Temperature, _device, Host.CheckAlive))));
    }

    /// <summary>The codes of one image.</summary>
    /// <param name="row"><see cref="RowSize"/> values in 0..1, plane by plane.</param>
    /// <returns><see cref="CodesHeight"/> × <see cref="CodesWidth"/> codes, row by row.</returns>
    /// <exception cref="ArgumentException">The row has another size.</exception>
    public int[] Encode(ReadOnlySpan<float> row)
    {
        CheckSize(row, RowSize, nameof(row));
        ThrowIfDisposed();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        ImageShape shape = _definition.Architecture.Shape;
        torch.Tensor x = torch.tensor(row.ToArray(), [1, shape.Channels, shape.Height, shape.Width], device: _device);
        return TensorMemory.ToArray<int>(_network.Autoencoder.EncodeCodes(x).to(torch.int32));
    }

    /// <summary>The image of a grid of codes.</summary>
    /// <param name="codes"><see cref="CodesHeight"/> × <see cref="CodesWidth"/> codes, row by row.</param>
    /// <returns><see cref="RowSize"/> values in 0..1, plane by plane.</returns>
    /// <exception cref="ArgumentException">The number of codes is another, or there is no such code.</exception>
    public float[] Decode(ReadOnlySpan<int> codes) => DecodeValues([codes.ToArray()]);

    /// <summary>The images of grids of codes.</summary>
    /// <param name="codes">Grids of <see cref="CodesHeight"/> × <see cref="CodesWidth"/> codes, row by row.</param>
    /// <returns>A column Generated as <see cref="Generate"/> has.</returns>
    /// <exception cref="ArgumentException">A grid has another number of codes, or there is no such code.</exception>
    public IDataView DecodeCodes(IEnumerable<int[]> codes)
    {
        ArgumentNullException.ThrowIfNull(codes);
        return Rows(DecodeValues([.. codes]));
    }

    private float[] DecodeValues(int[][] grids)
    {
        foreach (int[] grid in grids)
        {
            if (grid.Length != _grid.Size)
                throw new ArgumentException($"{grid.Length} codes were given; expected {_grid.Height} × {_grid.Width}.", nameof(grids));
            if (grid.Any(code => code < 0 || code >= CodebookSize))
                throw new ArgumentException($"Code {grid.First(code => code < 0 || code >= CodebookSize)} was given; expected 0 to {CodebookSize - 1}.", nameof(grids));
        }

        return ComputeRows(grids.Length, RowSize, (start, rows) =>
            Decode([.. grids.AsSpan(start, rows).ToArray().SelectMany(grid => grid).Select(code => (long)code)]));
    }

    private torch.Tensor Decode(long[] codes) => DecodeMean(torch.tensor(codes, device: _device));

    // Pixels of p(x|z)'s mean; the network may go slightly beyond what a pixel can be.
    private torch.Tensor DecodeMean(torch.Tensor codes) =>
        _network.Autoencoder.Decode(_network.Autoencoder.Quantizer.Vectors(codes.flatten()), _grid).Within(0, 1);

    private MemoryDataView Rows(float[] values) => new(Host, GeneratedColumnName, _definition.Architecture.Shape.VectorType(NumberDataViewType.Single), values);

    private protected override int RowsAtOnce => _definition.Defaults.TransformBatchSize;

    internal override IReadOnlyList<string> InputColumns => [_definition.Columns.Input];

    internal static TensorColumn InputColumn(DataViewSchema schema, VqVaeDefinition definition) =>
        TensorColumn.Features(schema, definition.Columns.Input, definition.Architecture.Shape, ValueRange.Unit);

    internal static OutputColumn[] OutputColumns(VqVaeColumns columns) =>
    [
        new(columns.Codes, NumberDataViewType.Int32, IsVector: true),
        new(columns.Reconstruction, NumberDataViewType.Single, IsVector: true),
        new(columns.ReconstructionError, NumberDataViewType.Single, IsVector: false),
        new(columns.NegativeLogPrior, NumberDataViewType.Single, IsVector: false),
    ];

    internal override DataViewSchema.DetachedColumn[] MakeOutputColumns(DataViewSchema inputSchema)
    {
        ThrowIfDisposed();
        OpenColumn(inputSchema);
        DataViewType[] types =
        [
            new VectorDataViewType(NumberDataViewType.Int32, _grid.Height, _grid.Width),
            _definition.Architecture.Shape.VectorType(NumberDataViewType.Single),
            NumberDataViewType.Single,
            NumberDataViewType.Single,
        ];
        return [.. OutputColumns(_definition.Columns).Zip(types, (column, type) => new DataViewSchema.DetachedColumn(column.Name, type))];
    }

    internal override IRowBatch MakeBatch(DataViewRow input, Func<int, bool> activeOutput, int slots) => new TensorRowBatch(
        [OpenColumn(input.Schema)], input, MakeOutputColumns(input.Schema), activeOutput, slots, _device, rows => Compute(rows.Batch[0], activeOutput));

    private TensorColumn OpenColumn(DataViewSchema schema) => InputColumn(schema, _definition);

    private List<torch.Tensor> Compute(torch.Tensor x, Func<int, bool> active)
    {
        ThrowIfDisposed();
        List<torch.Tensor> results = [];
        torch.Tensor codes = _network.Autoencoder.EncodeCodes(x);
        torch.Tensor? reconstruction = active(1) || active(2) ? DecodeMean(codes) : null;
        if (active(0))
            results.Add(codes);
        if (active(1))
            results.Add(reconstruction!);
        if (active(2))
            results.Add((reconstruction! - x).square().flatten(1).mean([1]));
        if (active(3))
            results.Add(_network.Prior.NegativeLogLikelihood(codes));
        return results;
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _definition, [_network.Autoencoder, _network.Prior]);

    // ML.NET finds the loader by this name and signature.
    private static VqVaeTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<VqVaeDefinition, VqVaeTransformer>(env, ctx, _format, file => new VqVaeTransformer(
            file.Host, file.Definition, new VqVaeNetwork(file.Read(file.Definition.Autoencoder), file.Read(file.Definition.Prior)), file.Device));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _network.Dispose();
}

/// <summary>How <see cref="VqVaeTransformer.Generate"/> draws.</summary>
public sealed class VqVaeGenerateOptions
{
    /// <summary>The same seed draws the same images. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>
    /// What the prior's logits are divided by, at least 0: below 1 draws more typical images, 0 always the most probable code. Default: 1.
    /// </summary>
    public double Temperature { get; set; } = 1;
}
