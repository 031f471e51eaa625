using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Music;
using Microsoft.ML.Generative.Music.Columns;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;

[assembly: LoadableClass(
    typeof(MusicToTextTransformer), null, typeof(SignatureLoadModel), "Music to text", MusicToTextTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>Writes music as words.</summary>
/// <remarks>Its columns are listed at <see cref="MusicToTextEstimator"/>. All methods may be called from several threads.</remarks>
public sealed class MusicToTextTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "GenerativeMusicToText";

    private const int RowsAtOnce = 16;

    private static readonly ModelFormat _format = new(
        "music-to-text", "GEN MUTX", LoaderSignature, OldestVersion: ModelFormat.FirstDefinition);

    private readonly MusicTextDefinition _definition;
    private readonly RowEngine _engine;

    internal MusicToTextTransformer(IHost host, MusicTextDefinition definition)
    {
        // Rows are computed in a scope of tensors.
        TorchRuntime.EnsureLoaded();
        _definition = definition;
        Tokens = definition.Words.ToTokens();
        _engine = new RowEngine(host, this, Bind, RowsAtOnce, network: null);
    }

    /// <summary>The words.</summary>
    public MusicTokens Tokens { get; }

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    private RowMapping Bind(DataViewSchema schema)
    {
        var pieces = new MusicInput(schema, _definition.Input);
        return new RowMapping(
            [pieces],
            [
                RowOutput.Texts(_definition.Output, rows => [.. pieces.Of(rows).Select((piece, i) =>
                    MusicErrors.Name(_definition.Input, rows.Positions[i], () => Tokens.Encode(piece)))]),
            ]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _definition, []);

    // ML.NET finds the loader by this name and signature.
    private static MusicToTextTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<MusicTextDefinition, MusicToTextTransformer>(
            env, ctx, _format, file => new MusicToTextTransformer(file.Host, file.Definition));

    /// <summary>Refuses further calls. There is no memory to release.</summary>
    public void Dispose() => _engine.Dispose();
}
