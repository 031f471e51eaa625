using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Runtime;
using Microsoft.ML.Tokenizers;
using TorchSharp;

[assembly: LoadableClass(typeof(LanguageModelTransformer), null, typeof(SignatureLoadModel), "Language model", LanguageModelTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained language model: completes the prompts of rows, writes texts, and tells how probable they are.</summary>
/// <remarks>Its columns are listed at <see cref="LanguageModelEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel("Text").Fit(data);
/// foreach (string piece in model.Stream("Once upon a time")) Console.Write(piece);
/// mlContext.Model.Save(model, data.Schema, "language-model.zip");
/// </code>
/// </example>
public sealed partial class LanguageModelTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "GenerativeLanguageModel";

    private static readonly ModelFormat _format = new("language-model", "GEN LANG", LoaderSignature);

    private readonly LanguageModelDefinition _definition;
    private readonly LanguageModelNetwork _network;
    private readonly torch.Device _device;
    private readonly RowEngine _engine;

    internal LanguageModelTransformer(IHost host, LanguageModelDefinition definition, TextCodec codec, LanguageModelNetwork network, torch.Device device)
    {
        _definition = definition;
        Codec = codec;
        _network = network;
        _device = device;
        _network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, network);
    }

    /// <summary>The shape of the network.</summary>
    public LanguageModelArchitecture Architecture => _definition.Architecture;

    /// <summary>What turns text into tokens.</summary>
    public Tokenizer Tokenizer => Codec.Tokenizer;

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    internal TextCodec Codec { get; }

    internal LanguageModelNetwork Network => _network;

    internal torch.Device Device => _device;

    internal IDisposable Use() => _engine.Use();

    /// <summary>The attention of each layer and head to a text's tokens.</summary>
    /// <param name="text">The text; with the token that begins a text it has at most <see cref="LanguageModelArchitecture.ContextLength"/> tokens.</param>
    /// <returns>
    /// For each layer [heads, tokens, tokens]: how much the token of the second index attends to that of the third, which is no later; each row sums
    /// to 1.
    /// </returns>
    /// <exception cref="ArgumentException">The text is too long or has characters that the tokenizer does not know.</exception>
    public IReadOnlyList<float[,,]> Attention(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        using IDisposable use = _engine.Use();
        int[] tokens = Codec.EncodePrompt(text);
        if (tokens.Length > Architecture.ContextLength)
            throw new ArgumentException($"The text has {tokens.Length} tokens; the model sees {Architecture.ContextLength} at once.", nameof(text));

        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return [.. _network.Attention(torch.tensor(Array.ConvertAll(tokens, t => (long)t), [1, tokens.Length], device: _device)).Select(Copy)];

        static float[,,] Copy(torch.Tensor attention)
        {
            var copy = new float[attention.size(1), attention.size(2), attention.size(3)];
            Buffer.BlockCopy(TensorMemory.ToArray<float>(attention.cpu()), 0, copy, 0, copy.Length * sizeof(float));
            return copy;
        }
    }

    /// <summary>
    /// Writes the model as a folder in the layout of Hugging Face, which transformers reads: as gpt2 with learned positions, as llama, mistral or qwen2
    /// with rotary ones.
    /// </summary>
    /// <param name="folder">The folder; it is made if there is none, and files of an earlier model are replaced.</param>
    /// <exception cref="NotSupportedException">transformers has no model of this shape, or the tokenizer cannot be saved; nothing has been written then.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SavePretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = _engine.Use();
        PretrainedLanguageModel.Save(folder, _network, Codec, _definition.Defaults.Generation);
    }

    internal void CopyWeightsTo(LanguageModelNetwork network)
    {
        using IDisposable use = _engine.Use();
        using IDisposable noGradient = torch.no_grad();
        foreach ((var own, var theirs) in ModuleWeights.Of(_network).Zip(ModuleWeights.Of(network)))
            theirs.Tensor.copy_(own.Tensor);
    }

    internal static OutputColumn[] OutputColumns(LanguageModelColumns columns) => [new(columns.Output, TextDataViewType.Instance, IsVector: false)];

    private RowMapping Bind(DataViewSchema schema)
    {
        var prompts = new TextInput(schema, _definition.Columns.Input);
        return new RowMapping([prompts], [RowOutput.Texts(_definition.Columns.Output, rows => Complete(prompts.Of(rows), rows.Positions))]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(
            ctx, _format, _definition with { Defaults = _definition.Defaults with { OtherEnds = [.. Codec.OtherEnds] } }, _network,
            TokenizerFiles.Save(Tokenizer).ToDictionary(file => file.Key, file => (Action<Stream>)(stream => stream.Write(file.Value))));
    }

    // ML.NET finds the loader by this name and signature.
    private static LanguageModelTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        LanguageModelDefinition definition = ModelFile.LoadDefinition<LanguageModelDefinition>(host, ctx, _format);
        TextCodec codec = TextCodec.Of(TokenizerFiles.Load(TokenizerFiles.Names.ToDictionary(name => name, name => ReadFile(env, ctx, name)))) with { OtherEnds = definition.Defaults.OtherEnds };
        if (codec.VocabularySize > definition.Architecture.VocabularySize)
            throw new InvalidDataException($"The tokenizer has {codec.VocabularySize} tokens; the network of '{ModelEntries.Config}' knows {definition.Architecture.VocabularySize}.");
        (LanguageModelNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, definition);
        return new LanguageModelTransformer(host, definition, codec, network, device);
    }

    private static byte[] ReadFile(IHostEnvironment env, ModelLoadContext ctx, string name)
    {
        byte[] bytes = [];
        ModelFile.LoadFile(env, ctx, name, stream => bytes = BoundedRead.All(stream, name, TokenizerFiles.MaxTokenizerBytes));
        return bytes;
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
