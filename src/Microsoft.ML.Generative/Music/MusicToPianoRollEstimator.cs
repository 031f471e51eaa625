using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Music;
using Microsoft.ML.Generative.Music.Columns;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>Makes images of the beginnings of pieces, for models of images. There is nothing to train.</summary>
/// <remarks>
/// <para>Create with <see cref="GenerativeTransformsCatalog.MusicToPianoRoll"/>.</para>
/// <list type="table">
/// <listheader><term>column</term><description>type and meaning</description></listheader>
/// <item><term>input</term><description><see cref="NoteSequence"/>: the piece.</description></item>
/// <item>
/// <term>output</term>
/// <description>vector of Single, planes × pitches × steps: 1 where a pitch sounds, else 0; see <see cref="PianoRoll"/>.</description>
/// </item>
/// </list>
/// </remarks>
/// <seealso cref="MusicToPianoRollTransformer"/>
public sealed class MusicToPianoRollEstimator : IEstimator<MusicToPianoRollTransformer>
{
    private readonly IHost _host;
    private readonly PianoRollDefinition _definition;

    internal MusicToPianoRollEstimator(IHostEnvironment env, string outputColumnName, string inputColumnName, PianoRoll roll)
    {
        OptionChecks.NotEmpty(outputColumnName);
        OptionChecks.NotEmpty(inputColumnName);
        ArgumentNullException.ThrowIfNull(roll);
        roll.Validate();
        _host = env.Register(nameof(MusicToPianoRollEstimator));
        _definition = new PianoRollDefinition(inputColumnName, outputColumnName, roll);
    }

    /// <summary>Makes the transformer; no row is read.</summary>
    /// <param name="input">Data with the column of music.</param>
    /// <returns>The transformer.</returns>
    /// <exception cref="ArgumentException">The column is missing or holds no music.</exception>
    public MusicToPianoRollTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        MusicInput.Check(SchemaShape.Create(input.Schema), _definition.Input);
        return new MusicToPianoRollTransformer(_host, _definition);
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        MusicInput.Check(inputSchema, _definition.Input);
        return OutputColumn.Promise(inputSchema, [new OutputColumn(_definition.Output, NumberDataViewType.Single, IsVector: true)]);
    }
}
