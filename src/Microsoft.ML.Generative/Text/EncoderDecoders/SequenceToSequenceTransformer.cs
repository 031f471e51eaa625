using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using Microsoft.ML.Generative.Text.EncoderDecoders.Pretrained;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using Microsoft.ML.Tokenizers;
using TorchSharp;

[assembly: LoadableClass(
    typeof(SequenceToSequenceTransformer), null, typeof(SignatureLoadModel), "Sequence to sequence model",
    SequenceToSequenceTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained encoder–decoder: writes a text for each source, such as its summary or translation.</summary>
/// <remarks>
/// Its columns are listed at <see cref="SequenceToSequenceEstimator"/>. All methods may be called from several threads.
/// </remarks>
/// <example>
/// <code>
/// SequenceToSequenceTransformer model = mlContext.Generative().LoadPretrainedSequenceToSequence("models/flan-t5-small");
/// Console.WriteLine(model.Generate("translate English to German: How old are you?"));
/// mlContext.Model.Save(model, null, "flan-t5-small.zip");
/// </code>
/// </example>
public sealed class SequenceToSequenceTransformer : ITransformer, IBaseModel, IDisposable
{
    internal TextGenerationOptions GenerationDefaults => _definition.Defaults.Generation;

    internal const string LoaderSignature = "GenerativeSequenceToSeq";

    private static readonly ModelFormat _format = new("sequence-to-sequence", "GEN SEQ2", LoaderSignature);

    private readonly SequenceToSequenceDefinition _definition;
    private readonly RowEngine _engine;
    private readonly SequenceToSequenceGenerator _generator;

    internal SequenceToSequenceTransformer(
        IHost host, SequenceToSequenceDefinition definition, TextCodec codec, SequenceToSequenceNetwork network, torch.Device device)
    {
        (_definition, Codec, Network, Device) = (definition, codec, network, device);
        network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, new NativeFootprint(network, network));
        _generator = new SequenceToSequenceGenerator(_engine, definition, codec, network, device);
    }

    /// <summary>The shape of the network.</summary>
    public SequenceToSequenceArchitecture Architecture => _definition.Architecture;

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer => Codec.Tokenizer;

    /// <summary>The token that begins outputs, before the first that the model chooses.</summary>
    public int StartTokenId => _definition.Defaults.StartToken;

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => Network;

    internal SequenceToSequenceDefinition Definition => _definition;

    internal TextCodec Codec { get; }

    internal SequenceToSequenceNetwork Network { get; }

    internal torch.Device Device { get; }

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    void IBaseModel.RunExample(int rows, int tokens) => Network.Logits(
        torch.zeros([rows, tokens], torch.int64, Device), null, torch.zeros([rows, tokens], torch.int64, Device));

    /// <summary>Writes the text for a source with the model's own options, <see cref="SequenceToSequenceOptions.Generation"/>.</summary>
    /// <param name="text">The source. The model's prefix is put before it.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentException">The source is too long, or has characters that the tokenizer lacks.</exception>
    public string Generate(string text) => _generator.Generate([text], null)[0];

    /// <summary>Writes the text for a source.</summary>
    /// <param name="text">The source. The model's prefix is put before it.</param>
    /// <param name="options">How tokens are chosen. Context overflow is ignored: outputs have no other limit than their tokens.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentException">
    /// An option is out of its range or not supported, or the source is too long or has characters that the tokenizer lacks.
    /// </exception>
    /// <example>
    /// <code>
    /// SequenceToSequenceTransformer model = mlContext.Generative().LoadPretrainedSequenceToSequence("models/t5-small");
    /// string summary = model.Generate("summarize: " + File.ReadAllText("article.txt"), new() { Beams = 4, LengthPenalty = 2 });
    /// </code>
    /// </example>
    public string Generate(string text, TextGenerationOptions options) => _generator.Generate([text], options)[0];

    /// <summary>Writes the texts for several sources at a time, with the model's own options.</summary>
    /// <param name="texts">The sources.</param>
    /// <returns>The texts, each as <see cref="Generate(string)"/> writes it.</returns>
    /// <exception cref="ArgumentException">A source is too long, or has characters that the tokenizer lacks.</exception>
    public IReadOnlyList<string> Generate(IReadOnlyList<string> texts) => _generator.Generate(texts, null);

    /// <summary>Writes the texts for several sources at a time.</summary>
    /// <param name="texts">The sources.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <returns>The texts, each as <see cref="Generate(string, TextGenerationOptions)"/> writes it.</returns>
    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/exception"/>
    public IReadOnlyList<string> Generate(IReadOnlyList<string> texts, TextGenerationOptions options) =>
        _generator.Generate(texts, options);

    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/*[not(self::param)]"/>
    /// <param name="text">The source.</param>
    /// <param name="options">How tokens are chosen. Default: the model's own options.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public Task<string> GenerateAsync(
        string text, TextGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => _generator.Generate([text], options, cancellationToken)[0], cancellationToken);

    /// <summary>Writes the text for a source piece by piece.</summary>
    /// <param name="text">The source.</param>
    /// <param name="options">How tokens are chosen, without beam search. Default: the model's own options.</param>
    /// <returns>
    /// Pieces of text, together what <see cref="Generate(string, TextGenerationOptions)"/> returns; characters are never split.
    /// </returns>
    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/exception"/>
    public IEnumerable<string> Stream(string text, TextGenerationOptions? options = null) => _generator.Stream(text, options);

    /// <inheritdoc cref="Stream(string, TextGenerationOptions?)" path="/*[not(self::param)]"/>
    /// <param name="text">The source.</param>
    /// <param name="options">How tokens are chosen, without beam search. Default: the model's own options.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public IAsyncEnumerable<string> StreamAsync(
        string text, TextGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        WorkerSequence.Enumerate(_generator.Stream(text, options, cancellationToken), cancellationToken);

    /// <summary>Writes the model as a folder in the layout of Hugging Face, which transformers reads as a T5 model.</summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier model are replaced.</param>
    /// <exception cref="NotSupportedException">The tokenizer cannot be saved; nothing has been written then.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SavePretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        PretrainedSequenceToSequence.Save(folder, Network, Codec, _definition.Defaults);
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();

    internal IDisposable Use() => _engine.Use();

    internal static OutputColumn[] OutputColumns(SequenceToSequenceColumns columns) =>
        [new(columns.Output, TextDataViewType.Instance, IsVector: false)];

    private RowMapping Bind(DataViewSchema schema)
    {
        var sources = new TextInput(schema, _definition.Columns.Input);
        return new RowMapping(
            [sources],
            [RowOutput.Texts(_definition.Columns.Output, rows => _generator.GenerateRows(sources.Of(rows), rows.Positions))]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = Use();
        ModelFile.Save(ctx, _format, _definition, [Network], TokenizerFiles.Entries(Tokenizer));
    }

    // ML.NET finds the loader by this name and signature.
    private static SequenceToSequenceTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<SequenceToSequenceDefinition, SequenceToSequenceTransformer>(env, ctx, _format, file =>
        {
            SequenceToSequenceDefinition definition = file.Definition;
            GenerativeTokenizer tokenizer = TokenizerFiles.Load(
                TokenizerFiles.Names.ToDictionary(name => name, name => file.ReadFile(name, TokenizerFiles.MaxTokenizerBytes)));
            TextCodec codec = TextCodec.Of(tokenizer) with { OtherEnds = definition.Defaults.OtherEnds };
            if (codec.VocabularySize > definition.Architecture.VocabularySize)
                throw new InvalidDataException(
                    $"The tokenizer has {codec.VocabularySize} tokens; the network of '{ModelEntries.Config}' knows "
                    + $"{definition.Architecture.VocabularySize}.");
            SequenceToSequenceNetwork network = file.Read(definition.Network);
            return new SequenceToSequenceTransformer(file.Host, definition, codec, network, file.Device);
        });
}
