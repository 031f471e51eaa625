using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// What all models with a transformer encoder have in common: each can be the base of the training of another. All methods may be called
/// from several threads.
/// </summary>
public abstract class EncoderTransformer : ITransformer, IBaseModel, IDisposable
{
    private readonly RowEngine _engine;

    private protected EncoderTransformer(
        IHost host, EncoderCore core, EncoderCodec codec, EncoderNetworks networks, torch.Device device, int transformBatchSize)
    {
        (Core, Codec, Networks, Device) = (core, codec, networks, device);
        _engine = new RowEngine(
            host, this, Bind, transformBatchSize, new NativeFootprint(networks, [.. networks.Encoder.All, networks.Model]));
    }

    /// <summary>The shape of the encoder.</summary>
    public EncoderArchitecture Architecture => Core.Architecture;

    /// <summary>The tokenizer.</summary>
    public GenerativeTokenizer Tokenizer => Codec.Tokenizer;

    /// <summary>
    /// Tokens of a text at most, with those that the tokenizer puts round it; the rest of a longer text is left out.
    /// </summary>
    public int MaxTokens => Core.MaxTokens;

    /// <summary>The name of the adapter that the model uses; <see langword="null"/>: none.</summary>
    public string? ActiveAdapter => Networks.Encoder.Active?.Shape.Name;

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => Networks.Model;

    internal EncoderCore Core { get; }

    internal EncoderCodec Codec { get; }

    internal EncoderNetworks Networks { get; }

    internal torch.Device Device { get; }

    internal IHost Host => _engine.Host;

    internal int RowsAtOnce => _engine.RowsAtOnce;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    // The head, and the whole encoder where it has no adapter.
    bool IBaseModel.IsTrained(string parameter) =>
        Networks.Encoder.Active is not { } adapter
        || parameter.StartsWith(EncoderModel.HeadName + ".", StringComparison.Ordinal)
        || adapter.Shape.Tensors.Any(name => parameter.EndsWith("." + name, StringComparison.Ordinal));

    void IBaseModel.RunExample(int rows, int tokens)
    {
        torch.Tensor example = torch.zeros([rows, Math.Min(tokens, Architecture.ContextLength)], torch.int64, Device);
        torch.Tensor hidden = Networks.Model.Encoder.Hidden(new EncoderInput(example));
        if (Architecture.HasPooler)
            Networks.Model.Encoder.Pooled(hidden.select(1, 0));
        RunHead(hidden);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx) => SaveModel(ctx);

    /// <summary>Computes the attention of each layer and head to a text's tokens.</summary>
    /// <param name="text">The text, cut where it has more than <see cref="MaxTokens"/> tokens.</param>
    /// <returns>
    /// For each layer [heads, tokens, tokens]: how much the token of the second index attends to that of the third, before or behind it;
    /// each row sums to 1.
    /// </returns>
    /// <exception cref="ArgumentException">The text has characters that the tokenizer lacks.</exception>
    public IReadOnlyList<float[,,]> Attention(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        using IDisposable use = Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return [.. Networks.Model.Encoder.Attention(EncoderRows.Pad([Codec.Encode(text)], Device)).Select(AttentionWeights.Copy)];
    }

    /// <summary>The tokens of a text as the model sees them, with those before and behind it.</summary>
    /// <param name="text">The text, cut where it has more than <see cref="MaxTokens"/> tokens.</param>
    /// <returns>The tokens as the vocabulary has them.</returns>
    /// <exception cref="ArgumentException">The text has characters that the tokenizer lacks.</exception>
    public IReadOnlyList<string> Tokens(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. Codec.Encode(text).Ids.Select(id => Tokenizer.TokenOf(id)!)];
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose()
    {
        _engine.Dispose();
        GC.SuppressFinalize(this);
    }

    internal IDisposable Use() => _engine.Use();

    /// <summary>The networks with their adapter, if there is one, in the weights of a plain encoder.</summary>
    internal AdaptedNetwork<EncoderNetwork> Merged() => Networks.Encoder.Merge();

    private protected abstract RowMapping Bind(DataViewSchema schema);

    private protected abstract void SaveModel(ModelSaveContext ctx);

    private protected abstract void RunHead(torch.Tensor hidden);

    /// <summary>Encodes a text of a row.</summary>
    /// <exception cref="InvalidDataException">The text cannot be encoded; the message names column and row.</exception>
    private protected EncodedText Encode(string column, long row, string text) => RowErrors.Name(column, row, () => Codec.Encode(text));
}
