using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(
    typeof(TextEmbeddingTransformer), null, typeof(SignatureLoadModel), "Embeddings of texts", TextEmbeddingTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>Adds vectors that an encoder or a language model computes of texts.</summary>
/// <remarks>Its columns are listed at <see cref="TextEmbeddingEstimator"/>. All methods may be called from several threads.</remarks>
public sealed class TextEmbeddingTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeTextEmbedding";

    // The model's folder in the model file, whatever kind of model it is.
    private const string ModelFolder = "language-model";

    private static readonly ModelFormat _format = new(
        "text-embedding", "GEN TEMB", LoaderSignature, OldestVersion: ModelFormat.FirstDefinition);

    private readonly TextEmbeddingDefinition _columns;
    private readonly IEmbeddingModel _model;
    private readonly RowEngine _engine;

    /// <param name="host">The host.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="model">The model, which belongs to this object from now on.</param>
    internal TextEmbeddingTransformer(IHost host, TextEmbeddingDefinition columns, IEmbeddingModel model)
    {
        (_columns, _model) = (columns, model);
        _engine = new RowEngine(host, this, Bind, model.RowsAtOnce, model);
    }

    /// <summary>The number of values in a vector.</summary>
    public int EmbeddingSize => _model.EmbeddingSize;

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => _model.Network;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    bool IBaseModel.IsTrained(string parameter) => _model.IsTrained(parameter);

    void IBaseModel.RunExample(int rows, int tokens) => _model.RunExample(rows, tokens);

    private RowMapping Bind(DataViewSchema schema)
    {
        var texts = new TextInput(schema, _columns.Input);
        return new RowMapping([texts],
        [
            RowOutput.Numbers(_columns.Output, new VectorDataViewType(NumberDataViewType.Single, EmbeddingSize), rows =>
                _model.Embed([.. texts.Of(rows).Select((text, i) =>
                    RowErrors.Name(_columns.Input, rows.Positions[i], () => _model.Encode(text)))])),
        ]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _columns, []);
        ctx.SaveModel(_model, ModelFolder);
    }

    // ML.NET finds the loader by this name and signature.
    private static TextEmbeddingTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<TextEmbeddingDefinition, TextEmbeddingTransformer>(env, ctx, _format, file =>
        {
            ctx.LoadModel<IEmbeddingModel, SignatureLoadModel>(env, out IEmbeddingModel model, ModelFolder);
            return new TextEmbeddingTransformer(file.Host, file.Definition, model);
        });

    /// <summary>Releases the model's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
