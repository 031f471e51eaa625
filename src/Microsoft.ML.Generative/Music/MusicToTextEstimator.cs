using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Music;
using Microsoft.ML.Generative.Music.Columns;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>Writes music as words, for language models. There is nothing to train.</summary>
/// <remarks>
/// <para>Create with <see cref="GenerativeTransformsCatalog.MusicToText"/>.</para>
/// <list type="table">
/// <listheader><term>column</term><description>type and meaning</description></listheader>
/// <item><term>input</term><description><see cref="NoteSequence"/>: the piece.</description></item>
/// <item><term>output</term><description>text: its words, as <see cref="MusicTokens.Encode"/> writes them.</description></item>
/// </list>
/// </remarks>
/// <seealso cref="MusicToTextTransformer"/>
public sealed class MusicToTextEstimator : IEstimator<MusicToTextTransformer>
{
    private readonly IHost _host;
    private readonly MusicTextDefinition _definition;

    internal MusicToTextEstimator(IHostEnvironment env, string outputColumnName, string inputColumnName, MusicTokens tokens)
    {
        OptionChecks.NotEmpty(outputColumnName);
        OptionChecks.NotEmpty(inputColumnName);
        ArgumentNullException.ThrowIfNull(tokens);
        _host = env.Register(nameof(MusicToTextEstimator));
        _definition = new MusicTextDefinition(inputColumnName, outputColumnName, tokens.Settings);
    }

    /// <summary>Makes the transformer; no row is read.</summary>
    /// <param name="input">Data with the column of music.</param>
    /// <returns>The transformer.</returns>
    /// <exception cref="ArgumentException">The column is missing or holds no music.</exception>
    public MusicToTextTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        MusicInput.Check(SchemaShape.Create(input.Schema), _definition.Input);
        return new MusicToTextTransformer(_host, _definition);
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        MusicInput.Check(inputSchema, _definition.Input);
        return OutputColumn.Promise(inputSchema, [new OutputColumn(_definition.Output, TextDataViewType.Instance, IsVector: false)]);
    }
}
