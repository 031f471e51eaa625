using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Music;
using Microsoft.ML.Generative.Music.Columns;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(
    typeof(MusicToPianoRollTransformer), null, typeof(SignatureLoadModel), "Music to piano roll",
    MusicToPianoRollTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>Makes images of the beginnings of pieces.</summary>
/// <remarks>Its columns are listed at <see cref="MusicToPianoRollEstimator"/>. All methods may be called from several threads.</remarks>
public sealed class MusicToPianoRollTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "GenerativeMusicToRoll";

    private const int RowsAtOnce = 16;

    private static readonly ModelFormat _format = new(
        "music-to-piano-roll", "GEN MURO", LoaderSignature, OldestVersion: ModelFormat.FirstDefinition);

    private readonly PianoRollDefinition _definition;
    private readonly RowEngine _engine;

    internal MusicToPianoRollTransformer(IHost host, PianoRollDefinition definition)
    {
        TorchRuntime.EnsureLoaded();
        _definition = definition;
        _engine = new RowEngine(host, this, Bind, RowsAtOnce, network: null);
    }

    /// <summary>What the images are.</summary>
    public PianoRoll Roll => _definition.Roll;

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    private RowMapping Bind(DataViewSchema schema)
    {
        PianoRoll roll = Roll;
        var pieces = new MusicInput(schema, _definition.Input);
        var type = new VectorDataViewType(NumberDataViewType.Single, roll.Channels, roll.Pitches, roll.Steps);
        return new RowMapping(
            [pieces],
            [
                RowOutput.Numbers(_definition.Output, type, rows => torch.tensor(
                    [.. pieces.Of(rows).SelectMany(roll.Encode)], [rows.Count, roll.Size])),
            ]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _definition, []);

    // ML.NET finds the loader by this name and signature.
    private static MusicToPianoRollTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<PianoRollDefinition, MusicToPianoRollTransformer>(
            env, ctx, _format, file => new MusicToPianoRollTransformer(file.Host, file.Definition));

    /// <summary>Refuses further calls. There is no memory to release.</summary>
    public void Dispose() => _engine.Dispose();
}
