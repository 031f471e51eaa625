using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.VqVae;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(VqVaeTransformer), null, typeof(SignatureLoadModel), "Vector-quantized autoencoder",
    VqVaeTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained vector-quantized autoencoder: adds codes, reconstructions and scores to images, and generates new images.</summary>
/// <remarks>Its columns are listed at <see cref="VqVaeEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// VqVaeTransformer model = mlContext.Transforms.Generative().VqVae("Image").Fit(data);
/// IDataView images = model.Generate(64, new() { Seed = 7 });
/// mlContext.Model.Save(model, data.Schema, "vq-vae.zip");
/// </code>
/// </example>
public sealed class VqVaeTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeVqVae";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("vq-vae", "GEN VQVA", LoaderSignature);

    private readonly VqVaeDefinition _definition;
    private readonly VqVaeNetwork _network;
    private readonly torch.Device _device;
    private readonly CodeGrid _grid;
    private readonly RowEngine _engine;

    internal VqVaeTransformer(IHost host, VqVaeDefinition definition, VqVaeNetwork network, torch.Device device)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _grid = definition.Architecture.Grid;
        _network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, network);
    }

    /// <summary>How many codes there are to choose from; a code is 0 to this less 1.</summary>
    public int CodebookSize => _definition.Architecture.CodebookSize;

    /// <summary>Height of an image's grid of codes.</summary>
    public int CodesHeight => _grid.Height;

    /// <summary>Width of an image's grid of codes.</summary>
    public int CodesWidth => _grid.Width;

    /// <summary>Values in a row: channels × height × width.</summary>
    public int RowSize => _definition.Architecture.Shape.Size;

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
        torch.Tensor codes = _network.Autoencoder.EncodeCodes(
            torch.zeros([rows, .. _definition.Architecture.Shape.Dimensions], device: _device));
        DecodeMean(codes);
        _network.Prior.NegativeLogLikelihood(codes);
    }

    /// <summary>Generates new images: codes from the prior, decoded.</summary>
    /// <param name="count">How many.</param>
    /// <param name="options">Seed and temperature.</param>
    /// <returns>A column Generated of <see cref="RowSize"/> values in 0..1 a row, with the image's shape in the column's type.</returns>
    /// <remarks>The n-th image depends on the seed and n alone, not on <paramref name="count"/>.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="count"/> is negative, or the temperature is negative or no number.
    /// </exception>
    public IDataView Generate(int count, VqVaeGenerateOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new VqVaeGenerateOptions();
        OptionChecks.ZeroOrBetween(options.Temperature, 1e-6, 100);

        long seed = SeedSequence.Choose(_engine.Host, options.Seed);
        using IDisposable use = _engine.Use();
        return Rows(RowGeneration.Compute(_engine.Host, count, RowSize, _engine.RowsAtOnce, (start, rows) => Decode(CodeSampler.Sample(
            _network.Prior, _grid, seed, start, rows, options.Temperature, _device, _engine.Host.CheckAlive))));
    }

    /// <summary>The codes of one image.</summary>
    /// <param name="row"><see cref="RowSize"/> values in 0..1, plane by plane.</param>
    /// <returns><see cref="CodesHeight"/> × <see cref="CodesWidth"/> codes, row by row.</returns>
    /// <exception cref="ArgumentException">The row has another size.</exception>
    public int[] Encode(ReadOnlySpan<float> row)
    {
        RowChecks.HasValues(row, RowSize, ValueRange.Unit, nameof(row));
        using IDisposable use = _engine.Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor x = torch.tensor(row.ToArray(), [1, .. _definition.Architecture.Shape.Dimensions], device: _device);
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
            {
                throw new ArgumentException(
                    $"Code {grid.First(code => code < 0 || code >= CodebookSize)} was given; expected 0 to {CodebookSize - 1}.",
                    nameof(grids));
            }
        }

        using IDisposable use = _engine.Use();
        return RowGeneration.Compute(_engine.Host, grids.Length, RowSize, _engine.RowsAtOnce, (start, rows) =>
            Decode([.. grids.AsSpan(start, rows).ToArray().SelectMany(grid => grid).Select(code => (long)code)]));
    }

    private torch.Tensor Decode(long[] codes) => DecodeMean(torch.tensor(codes, device: _device));

    // Pixels of p(x|z)'s mean; the network may go slightly beyond what a pixel can be.
    private torch.Tensor DecodeMean(torch.Tensor codes) =>
        PixelScale.Clamp(_network.Autoencoder.Decode(_network.Autoencoder.Quantizer.Vectors(codes.flatten()), _grid));

    private MemoryDataView Rows(float[] values) => new(
        _engine.Host,
        MemoryColumn.Vectors(GeneratedColumnName, _definition.Architecture.Shape.VectorType(NumberDataViewType.Single), values));

    internal VqVaeDefinition Definition => _definition;

    internal static TensorColumn InputColumn(DataViewSchema schema, VqVaeDefinition definition) =>
        TensorColumn.Features(schema, definition.Columns.Input, definition.Architecture.Shape, ValueRange.Unit);

    internal static OutputColumn[] OutputColumns(VqVaeColumns columns) =>
    [
        new(columns.Codes, NumberDataViewType.Int32, IsVector: true),
        new(columns.Reconstruction, NumberDataViewType.Single, IsVector: true),
        new(columns.ReconstructionError, NumberDataViewType.Single, IsVector: false),
        new(columns.NegativeLogPrior, NumberDataViewType.Single, IsVector: false),
        .. OutputColumn.Images(columns.ReconstructionImage),
    ];

    private RowMapping Bind(DataViewSchema schema)
    {
        VqVaeColumns columns = _definition.Columns;
        var x = new TensorInput(InputColumn(schema, _definition), _device);
        var codes = new RowValue<torch.Tensor>(rows => _network.Autoencoder.EncodeCodes(x.Of(rows)));
        var reconstruction = new RowValue<torch.Tensor>(rows => DecodeMean(codes.Of(rows)));
        return new RowMapping([x],
        [
            RowOutput.Numbers(columns.Codes, new VectorDataViewType(NumberDataViewType.Int32, _grid.Height, _grid.Width), codes.Of),
            RowOutput.Numbers(
                columns.Reconstruction, _definition.Architecture.Shape.VectorType(NumberDataViewType.Single), reconstruction.Of),
            RowOutput.Numbers(
                columns.ReconstructionError, NumberDataViewType.Single,
                rows => (reconstruction.Of(rows) - x.Of(rows)).Squared().flatten(1).mean([1])),
            RowOutput.Numbers(
                columns.NegativeLogPrior, NumberDataViewType.Single, rows => _network.Prior.NegativeLogLikelihood(codes.Of(rows))),
            .. RowOutput.OptionalImages(columns.ReconstructionImage, _definition.Architecture.Shape, reconstruction.Of),
        ]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _definition, [_network.Autoencoder, _network.Prior]);
    }

    // ML.NET finds the loader by this name and signature.
    private static VqVaeTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<VqVaeDefinition, VqVaeTransformer>(env, ctx, _format, file => new VqVaeTransformer(
            file.Host, file.Definition, new VqVaeNetwork(file.Read(file.Definition.Autoencoder), file.Read(file.Definition.Prior)),
            file.Device));

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}

/// <summary>Options of <see cref="VqVaeTransformer.Generate"/>.</summary>
public sealed class VqVaeGenerateOptions
{
    /// <summary>The same seed generates the same images. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>
    /// What the prior's logits are divided by, 0, or 0.000001 to 100: below 1 generates more typical images, 0 always the most probable
    /// code. Default: 1.
    /// </summary>
    public double Temperature { get; set; } = 1;
}
