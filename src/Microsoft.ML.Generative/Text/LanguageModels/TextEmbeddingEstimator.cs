using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>Adds vectors that a language model computes of texts. There is nothing to train.</summary>
/// <remarks>
/// <para>Create with <see cref="GenerativeTransformsCatalog.TextEmbedding"/>.</para>
/// <list type="table">
/// <listheader><term>column</term><description>type and meaning</description></listheader>
/// <item><term>input</term><description>text, of at most as many tokens as the model's context has.</description></item>
/// <item>
/// <term>output</term>
/// <description>
/// vector of Single of <see cref="LanguageModelArchitecture.EmbeddingSize"/> values: the mean of the model's last hidden states over the
/// text's tokens, as <see cref="LanguageModelTransformer.AsEmbeddingGenerator"/> gives it.
/// </description>
/// </item>
/// </list>
/// </remarks>
/// <seealso cref="TextEmbeddingTransformer"/>
public sealed class TextEmbeddingEstimator : IEstimator<TextEmbeddingTransformer>
{
    private readonly IHost _host;
    private readonly TextEmbeddingDefinition _columns;
    private readonly LanguageModelTransformer _model;

    internal TextEmbeddingEstimator(
        IHostEnvironment env, string outputColumnName, string inputColumnName, LanguageModelTransformer model)
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
    /// The transformer. It shares the memory of the language model's weights; each may be disposed of before the other.
    /// </returns>
    /// <exception cref="ArgumentException">The column is missing or is no text.</exception>
    /// <exception cref="ObjectDisposedException">The language model has been disposed of.</exception>
    public TextEmbeddingTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        ColumnTypes.CheckText(SchemaShape.Create(input.Schema), _columns.Input);
        return new TextEmbeddingTransformer(_host, _columns, _model.WithAdapter(_model.ActiveAdapter));
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        ColumnTypes.CheckText(inputSchema, _columns.Input);
        return OutputColumn.Promise(inputSchema, [new OutputColumn(_columns.Output, NumberDataViewType.Single, IsVector: true)]);
    }
}
