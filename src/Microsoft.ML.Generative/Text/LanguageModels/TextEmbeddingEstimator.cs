using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>Adds vectors that an encoder or a language model computes of texts. There is nothing to train.</summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.TextEmbedding(string, string, SentenceEmbeddingTransformer)"/> or
/// <see cref="GenerativeTransformsCatalog.TextEmbedding(string, string, LanguageModelTransformer)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column</term><description>type and meaning</description></listheader>
/// <item><term>input</term><description>text; of a language model, of at most as many tokens as its context has.</description></item>
/// <item>
/// <term>output</term>
/// <description>
/// vector of Single with the model's number of values: of an encoder as <see cref="SentenceEmbeddingTransformer"/> computes it, of a
/// language model the mean of its last hidden states over the text's tokens.
/// </description>
/// </item>
/// </list>
/// </remarks>
/// <seealso cref="TextEmbeddingTransformer"/>
public sealed class TextEmbeddingEstimator : IEstimator<TextEmbeddingTransformer>
{
    private readonly IHost _host;
    private readonly TextEmbeddingDefinition _columns;
    private readonly IEmbeddingModel _model;

    internal TextEmbeddingEstimator(
        IHostEnvironment env, string outputColumnName, string inputColumnName, IEmbeddingModel model)
    {
        OptionChecks.NotEmpty(outputColumnName);
        OptionChecks.NotEmpty(inputColumnName);
        ArgumentNullException.ThrowIfNull(model);
        _host = env.Register(nameof(TextEmbeddingEstimator));
        (_columns, _model) = (new TextEmbeddingDefinition(inputColumnName, outputColumnName), model);
    }

    /// <summary>Checks the column of texts.</summary>
    /// <param name="input">Data with it.</param>
    /// <returns>
    /// The transformer. It shares the memory of the model's weights; each may be disposed of before the other.
    /// </returns>
    /// <exception cref="ArgumentException">The column is missing or is no text.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    public TextEmbeddingTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        ColumnTypes.CheckText(SchemaShape.Create(input.Schema), _columns.Input);
        return new TextEmbeddingTransformer(_host, _columns, _model.Share());
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        ColumnTypes.CheckText(inputSchema, _columns.Input);
        return OutputColumn.Promise(inputSchema, [new OutputColumn(_columns.Output, NumberDataViewType.Single, IsVector: true)]);
    }
}
