using Microsoft.Extensions.AI;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using Microsoft.ML.Tokenizers;
using TorchSharp;

[assembly: LoadableClass(
    typeof(LanguageModelTransformer), null, typeof(SignatureLoadModel), "Language model", LanguageModelTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained language model: completes the prompts of rows, generates texts, and predicts the next token.</summary>
/// <remarks>Its columns are listed at <see cref="LanguageModelEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel("Text").Fit(data);
/// foreach (string piece in model.Stream("Once upon a time")) Console.Write(piece);
/// mlContext.Model.Save(model, data.Schema, "language-model.zip");
/// </code>
/// </example>
public sealed class LanguageModelTransformer : ITransformer, IEmbeddingModel
{
    internal const string LoaderSignature = "GenerativeLanguageModel";

    private readonly LanguageModelDefinition _definition;
    private readonly RowEngine _engine;

    internal LanguageModelTransformer(
        IHost host, LanguageModelDefinition definition, TextCodec codec, LanguageModelNetwork network, torch.Device device)
        : this(host, definition, codec, new AdaptedNetwork<LanguageModelNetwork>(network), device)
    {
    }

    internal LanguageModelTransformer(
        IHost host, LanguageModelDefinition definition, TextCodec codec, AdaptedNetwork<LanguageModelNetwork> networks,
        torch.Device device)
    {
        _definition = definition with { Architecture = networks.Network.Architecture };
        (Codec, Networks, Device) = (codec, networks, device);
        Network.eval();
        if (definition.Columns.Adapter is not null)
            networks.AttachAll();
        _engine = new RowEngine(host, this, Bind, TransformBatchSize, new NativeFootprint(networks, networks.All));
        Generator = new LanguageModelGenerator(
            _engine, definition, codec, new AdapterSessions(networks, Architecture.ContextLength, device));
        Activations = new LanguageModelActivations(_engine, Network, codec, Architecture.ContextLength, device);
    }

    /// <summary>The shape of the network.</summary>
    public LanguageModelArchitecture Architecture => _definition.Architecture;

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer => Codec.Tokenizer;

    /// <summary>How the model's large weights are stored.</summary>
    public WeightFormat WeightFormat => Networks.Base.Format;

    /// <summary>The names of the model's adapters.</summary>
    public IReadOnlyList<string> Adapters => Networks.Names;

    /// <summary>The name of the adapter that the model uses; <see langword="null"/>: none.</summary>
    public string? ActiveAdapter => Networks.Active?.Shape.Name;

    /// <summary>
    /// The column that names the adapter of each row that is transformed; <see langword="null"/>: there is none. See
    /// <see cref="WithAdapterColumn"/>.
    /// </summary>
    public string? AdapterColumnName => _definition.Columns.Adapter;

    string IEmbeddingModel.ModelId => ModelId;

    int IEmbeddingModel.EmbeddingSize => Architecture.EmbeddingSize;

    int IEmbeddingModel.RowsAtOnce => TransformBatchSize;

    bool ITransformer.IsRowToRowMapper => true;

    /// <summary>
    /// What clients of Microsoft.Extensions.AI call the model where the caller does not: its kind and its number of parameters.
    /// </summary>
    internal string ModelId => $"{LanguageModelFile.Format.Name}-{Architecture.CountParameters()}";

    torch.nn.Module IBaseModel.Network => Network;

    internal int TransformBatchSize => _definition.Defaults.TransformBatchSize;

    /// <summary>Bytes of the weights, without those of adapters.</summary>
    internal long WeightBytes => ModuleWeights.Of(Networks.Base).Sum(t => t.Tensor.numel() * t.Tensor.element_size());

    internal LanguageModelDefinition Definition => _definition;

    internal TextCodec Codec { get; }

    internal AdaptedNetwork<LanguageModelNetwork> Networks { get; }

    internal LanguageModelNetwork Network => Networks.Network;

    internal torch.Device Device { get; }

    internal LanguageModelGenerator Generator { get; }

    internal LanguageModelActivations Activations { get; }

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    // An adapter is trained while all else of its network is frozen.
    bool IBaseModel.IsTrained(string parameter) => Networks.Active?.Shape.Tensors.Contains(parameter) ?? true;

    int[] IEmbeddingModel.Encode(string text) => Activations.Encode(text);

    torch.Tensor IEmbeddingModel.Embed(IReadOnlyList<int[]> texts) => Activations.Embed(texts);

    float[][] IEmbeddingModel.Embed(IReadOnlyList<int[]> texts, CancellationToken cancellation) => Activations.Embed(texts, cancellation);

    IEmbeddingModel IEmbeddingModel.Share() => WithAdapter(ActiveAdapter);

    void IBaseModel.RunExample(int rows, int tokens) => Activations.RunExample(rows, tokens);

    /// <summary>Completes a prompt with the model's own options, <see cref="LanguageModelOptions.Generation"/>.</summary>
    /// <param name="prompt">The beginning of the text; may be empty where the tokenizer has a token that begins a text.</param>
    /// <returns>The text after the prompt.</returns>
    /// <exception cref="ArgumentException">The prompt has characters that the tokenizer lacks.</exception>
    public string Generate(string prompt) => Generator.Complete(prompt, null);

    /// <summary>Completes a prompt.</summary>
    /// <param name="prompt">The beginning of the text; may be empty where the tokenizer has a token that begins a text.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <returns>The text after the prompt.</returns>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, the prompt has characters that the tokenizer lacks, or it is too long for
    /// <see cref="ContextOverflow.Error"/>.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// Console.WriteLine(model.Generate("Once upon a time", new() { MaxTokens = 300, Temperature = 0.8, Seed = 7 }));
    /// </code>
    /// </example>
    public string Generate(string prompt, TextGenerationOptions options) => Generator.Complete(prompt, options);

    /// <summary>Generates texts without prompts, with the model's own options.</summary>
    /// <param name="count">The number of texts.</param>
    /// <returns>A text column of the name that <see cref="Transform"/> gives its column.</returns>
    /// <inheritdoc cref="Generate(int, TextGenerationOptions)" path="/remarks|/exception"/>
    public IDataView Generate(int count) => Generator.Generate(count, Generator.Defaults);

    /// <summary>Generates texts without prompts.</summary>
    /// <param name="count">The number of texts.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <returns>A text column of the name that <see cref="Transform"/> gives its column.</returns>
    /// <remarks>The n-th text depends on the seed and n alone, not on <paramref name="count"/>.</remarks>
    /// <exception cref="ArgumentException">An option is out of its range, or the tokenizer has no token that begins a text.</exception>
    public IDataView Generate(int count, TextGenerationOptions options) => Generator.Generate(count, options);

    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/*[not(self::param)]"/>
    /// <param name="prompt">The beginning of the text.</param>
    /// <param name="options">How tokens are chosen. Default: the model's own options.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public Task<string> GenerateAsync(
        string prompt, TextGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Generator.CompleteAsync(prompt, options, cancellationToken);

    /// <summary>Completes a prompt piece by piece.</summary>
    /// <param name="prompt">The beginning of the text.</param>
    /// <param name="options">How tokens are chosen, without beam search. Default: the model's own options.</param>
    /// <returns>
    /// Pieces of text, together what <see cref="Generate(string, TextGenerationOptions)"/> returns; characters are never split.
    /// </returns>
    /// <inheritdoc cref="Generate(string, TextGenerationOptions)" path="/exception"/>
    public IEnumerable<string> Stream(string prompt, TextGenerationOptions? options = null) => Generator.Stream(prompt, options);

    /// <inheritdoc cref="Stream(string, TextGenerationOptions?)" path="/*[not(self::param)]"/>
    /// <param name="prompt">The beginning of the text.</param>
    /// <param name="options">How tokens are chosen, without beam search. Default: the model's own options.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public IAsyncEnumerable<string> StreamAsync(
        string prompt, TextGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Generator.StreamAsync(prompt, options, cancellationToken);

    /// <summary>Predicts the most probable tokens after a prompt.</summary>
    /// <param name="prompt">The beginning of the text; may be empty where the tokenizer has a token that begins a text.</param>
    /// <param name="count">The number of tokens at most, at least 1.</param>
    /// <param name="options">
    /// The options that change the probabilities: temperature, filters such as top-p, bias and penalties of repetition. Default: the
    /// model's own options.
    /// </param>
    /// <returns>
    /// The most probable first. These are the probabilities by which <see cref="Generate(string, TextGenerationOptions)"/> samples; tokens
    /// that it cannot sample are left out.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, the prompt has characters that the tokenizer lacks, or it is too long for
    /// <see cref="ContextOverflow.Error"/>.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// foreach (TokenProbability next in model.NextTokens("Once upon a", 5))
    ///     Console.WriteLine($"{next.Text} {next.Probability:P1}");
    /// </code>
    /// </example>
    public IReadOnlyList<TokenProbability> NextTokens(string prompt, int count = 10, TextGenerationOptions? options = null) =>
        Generator.NextTokens(prompt, count, options);

    /// <summary>Computes the attention of each layer and head to a text's tokens.</summary>
    /// <param name="text">
    /// The text; with the token that begins a text it has at most <see cref="LanguageModelArchitecture.ContextLength"/> tokens.
    /// </param>
    /// <returns>
    /// For each layer [heads, tokens, tokens]: how much the token of the second index attends to that of the third, which is no later;
    /// each row sums to 1.
    /// </returns>
    /// <exception cref="ArgumentException">The text is too long or has characters that the tokenizer lacks.</exception>
    public IReadOnlyList<float[,,]> Attention(string text) => Activations.Attention(text);

    /// <summary>Makes the model available as a chat client of Microsoft.Extensions.AI.</summary>
    /// <param name="template">
    /// The form of conversations in the model's training. Default: <see cref="LanguageModelOptions.ChatTemplate"/> of the training; else
    /// the template in the model's folder; <see cref="ChatTemplate.Plain"/> for a model without.
    /// </param>
    /// <param name="options">How tokens are chosen where a call does not say. Default: the model's own options.</param>
    /// <returns>
    /// A client that may be used from several threads. It does not own the model: dispose of the model when no client is in use.
    /// </returns>
    /// <remarks>
    /// Instructions, temperature, top-p, top-k, maximum of tokens, stop sequences, seed, penalties, response format and tools of
    /// <see cref="ChatOptions"/> are followed, tools where the template writes them; what cannot be is refused. For JSON, and JSON of a
    /// schema, see <see cref="TextGenerationOptions.ResponseFormat"/>. With a seed in the call, in the model's own options or in the
    /// <see cref="MLContext"/>, the same conversation gets the same answer each time; a context without a seed gives another one.
    /// </remarks>
    /// <exception cref="NotSupportedException">The model's own template cannot be used.</exception>
    /// <example>
    /// <code>
    /// using Microsoft.Extensions.AI;
    ///
    /// var model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M-Instruct");
    /// IChatClient chat = model.AsChatClient();
    /// await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("What is the capital of France?"))
    ///     Console.Write(update.Text);
    /// </code>
    /// </example>
    public IChatClient AsChatClient(ChatTemplate? template = null, TextGenerationOptions? options = null)
    {
        using IDisposable use = Use();
        return new LanguageModelChatClient(this, template ?? Generator.Template, options?.Copy() ?? Generator.Defaults);
    }

    /// <summary>Makes the model guess the tokens of a larger one, <see cref="TextGenerationOptions.Speculation"/>.</summary>
    /// <param name="tokens">Tokens that are guessed at a time, 1 to 64: more where the models are alike.</param>
    /// <returns>The guess, for models with the same tokenizer. It does not own the model.</returns>
    /// <exception cref="ArgumentException"><paramref name="tokens"/> is out of its range.</exception>
    public SpeculativeDecoding AsDraft(int tokens = 4)
    {
        using IDisposable use = Use();
        return new DraftModel(this, tokens);
    }

    /// <summary>Makes the model available as a generator of embeddings: the mean of its last hidden states over a text's tokens.</summary>
    /// <returns>
    /// A generator of vectors of <see cref="LanguageModelArchitecture.EmbeddingSize"/> values, which may be used from several threads and
    /// does not own the model. A text longer than the model's context is refused.
    /// </returns>
    public IEmbeddingGenerator<string, Embedding<float>> AsEmbeddingGenerator()
    {
        using IDisposable use = Use();
        return new TextEmbeddingGenerator(this);
    }

    /// <summary>
    /// Writes the model as a folder in the layout of Hugging Face, which transformers reads: as gpt2 with learned positions, as llama,
    /// mistral or qwen2 with rotary positions.
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier model are replaced.</param>
    /// <exception cref="NotSupportedException">
    /// transformers has no model of this shape, or the tokenizer cannot be saved; nothing has been written then.
    /// </exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SavePretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        PretrainedLanguageModel.Save(folder, Network, Codec, Generator.Defaults, _definition.Defaults.ChatTemplate);
    }

    /// <summary>
    /// Writes the model as a GGUF file, which llama.cpp and the programs on top of it read: weights, tokenizer and chat template in one.
    /// </summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="type">
    /// How matrices are stored. Default: Q8_0 or Q4_0 where the model's weights are, else 32-bit floats. Rows that do not fill the blocks
    /// of a type are 16-bit floats.
    /// </param>
    /// <remarks>An active adapter is not written: <see cref="Merge"/> it. llama.cpp ignores a sliding window of these models.</remarks>
    /// <exception cref="NotSupportedException">
    /// llama.cpp has no model of this shape, or no tokenizer of this kind; nothing has been written then.
    /// </exception>
    /// <exception cref="InvalidOperationException">The model uses an adapter.</exception>
    /// <exception cref="ArgumentException">A weight is not finite, or too large for the type.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// model.SaveGguf("models/SmolLM2-135M-Q4_0.gguf", GgufType.Q4_0);
    /// </code>
    /// </example>
    public void SaveGguf(string path, GgufType? type = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (type is { } named)
            OptionChecks.Defined(named, nameof(type));
        if (ActiveAdapter is not null)
        {
            throw new InvalidOperationException(
                $"The model uses the adapter '{ActiveAdapter}', which GGUF files do not have: merge it before.");
        }

        using IDisposable use = Use();
        GgufModel.Save(path, Networks.Base, Codec, type);
    }

    /// <summary>Makes a model that stores its large weights in another format.</summary>
    /// <param name="format">
    /// The format, which says what it quantizes. Positions, normalizations and biases stay floats, as adapters do.
    /// </param>
    /// <returns>
    /// A model that shares the memory of this one's other weights. Each may be disposed of before the other. Adapters can be trained over
    /// it (QLoRA), its own weights cannot.
    /// </returns>
    /// <remarks>
    /// <see cref="WeightFormat.Float32"/> gives the floats that a quantized model computes with. Generation on the CPU multiplies integers:
    /// except with <see cref="WeightFormat.BFloat16"/> and <see cref="WeightFormat.Nf4"/>, inputs of linear layers are rounded to 8 bits in
    /// blocks of 32, as in llama.cpp.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// The format is <see cref="WeightFormat.Mixed"/>, and the model has another; or a weight is not finite.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// An adapter has trained the token embedding or the output layer, and the format would quantize it.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative()
    ///     .LoadPretrainedLanguageModel("models/SmolLM2-135M").Quantize(WeightFormat.Nf4);
    /// Console.WriteLine(model.Generate("Once upon a time"));
    /// </code>
    /// </example>
    public LanguageModelTransformer Quantize(WeightFormat format) => Derive(networks => LanguageModelCopies.Quantize(networks, format));

    /// <summary>Counts the parameters of the active adapter, which are those that a training of it trains.</summary>
    /// <returns>The number; 0 where the model uses no adapter.</returns>
    public long CountAdapterParameters()
    {
        using IDisposable use = Use();
        return Networks.CountActive();
    }

    /// <summary>Makes a model that uses another of its adapters, or none.</summary>
    /// <param name="name">
    /// The adapter's name; <see langword="null"/>: the base model, exactly as it was before adapters were trained.
    /// </param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">The model has no such adapter.</exception>
    public LanguageModelTransformer WithAdapter(string? name) => Derive(networks => networks.Select(name));

    /// <summary>Makes a model that reads from a column which adapter completes a row, where it transforms rows.</summary>
    /// <param name="columnName">
    /// The text column with the names of adapters; an empty text stands for the base model. <see langword="null"/>: there is no such
    /// column, and all rows are completed with <see cref="ActiveAdapter"/>.
    /// </param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <remarks>
    /// A row's text is the one that the model with this adapter alone gives. The rows of a batch that have the same adapter are computed
    /// together. A name that the model does not have is an error that names the row.
    /// </remarks>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M")
    ///     .LoadAdapter("adapters/poet", "poet").LoadAdapter("adapters/pirate", "pirate").WithAdapterColumn("Style");
    /// IDataView texts = model.Transform(mlContext.Data.LoadFromEnumerable([
    ///     new { Text = "The sea", Style = "poet" }, new { Text = "The sea", Style = "pirate" }, new { Text = "The sea", Style = "" }]));
    /// </code>
    /// </example>
    public LanguageModelTransformer WithAdapterColumn(string? columnName)
    {
        OptionChecks.NullOrNotEmpty(columnName);
        return Derive(
            networks => networks.Select(ActiveAdapter),
            _definition with { Columns = _definition.Columns with { Adapter = columnName } });
    }

    /// <summary>Makes a model that also has the active adapter of another, and uses it.</summary>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <param name="source">A model with the same network.</param>
    /// <returns>A model that shares the memory of both models' weights. Each may be disposed of before the others.</returns>
    /// <exception cref="ArgumentException">
    /// The name is taken, the other model uses no adapter, or it has another network.
    /// </exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// LanguageModelTransformer poet = model.LoadAdapter("adapters/poet", "poet"), pirate = model.LoadAdapter("adapters/pirate", "pirate");
    /// LanguageModelTransformer both = poet.AddAdapter("pirate", pirate);
    /// Console.WriteLine(both.WithAdapter("poet").Generate("The sea"));
    /// </code>
    /// </example>
    public LanguageModelTransformer AddAdapter(string name, LanguageModelTransformer source)
    {
        ArgumentNullException.ThrowIfNull(source);
        using IDisposable use = source.Use();
        bool isAlike = source.Networks.Base.Architecture == Networks.Base.Architecture;
        return Derive(networks => networks.Add(name, source.Networks, isAlike));
    }

    /// <summary>Makes a model that also has a weighted combination of its adapters, and uses it.</summary>
    /// <param name="name">The name of the combination.</param>
    /// <param name="weights">The weight of each adapter, by its name. It may be negative.</param>
    /// <param name="combination">How the adapters are combined.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">
    /// The name is taken, an adapter is missing, or the adapters have ranks that do not fit.
    /// </exception>
    /// <exception cref="NotSupportedException">An adapter is DoRA's, or has trained parameters of the network itself.</exception>
    public LanguageModelTransformer CombineAdapters(
        string name, IReadOnlyDictionary<string, double> weights, LoraCombination combination = LoraCombination.Concatenation) =>
        Derive(networks => networks.Combine(name, weights, combination));

    /// <summary>
    /// Writes the active adapter as a folder in the layout of PEFT, <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, which
    /// PEFT reads on top of the base model in the layout of transformers (<see cref="SavePretrained"/> of the model without adapter).
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier adapter are replaced.</param>
    /// <exception cref="InvalidOperationException">The model uses no adapter.</exception>
    /// <exception cref="NotSupportedException">
    /// transformers has no model of this shape, or no module like one that has an adapter; nothing has been written then.
    /// </exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SaveAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        PeftFolder.Save(folder, PeftLanguageModel.Of(Networks.Base), Networks.RequireActive());
    }

    /// <summary>Makes a model that also has an adapter from a folder in the layout of PEFT, and uses it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, asks for what is not supported, or is not of this network: names that are missing or match nothing are listed.
    /// </exception>
    /// <exception cref="NotSupportedException">transformers has no model of this shape.</exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// LanguageModelTransformer pirate = model.LoadAdapter("adapters/pirate");
    /// Console.WriteLine(pirate.Generate("The sea"));
    /// </code>
    /// </example>
    public LanguageModelTransformer LoadAdapter(string folder, string name = LoraOptions.Defaults.Name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        Networks.CheckIsNew(name);
        return Derive(networks => networks.With(PeftFolder.Load(folder, name, PeftLanguageModel.Of(networks.Base))));
    }

    /// <summary>
    /// Makes a model without adapters whose weights have the active adapter's changes in them: it gives the same outputs.
    /// </summary>
    /// <returns>
    /// A model with weights of its own where the adapter changes them; it shares the memory of the others. This model stays as it is, so
    /// that nothing has to be unmerged.
    /// </returns>
    /// <exception cref="InvalidOperationException">The adapter has values that are not finite.</exception>
    public LanguageModelTransformer Merge() => Derive(
        networks => networks.Merge(), _definition with { Columns = _definition.Columns with { Adapter = null } });

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose()
    {
        _engine.Dispose();
        Generator.Dispose();
    }

    internal IDisposable Use() => _engine.Use();

    private LanguageModelTransformer Derive(
        Func<AdaptedNetwork<LanguageModelNetwork>, AdaptedNetwork<LanguageModelNetwork>> change, LanguageModelDefinition? definition = null)
    {
        using IDisposable use = Use();
        return new LanguageModelTransformer(_engine.Host, definition ?? _definition, Codec, change(Networks), Device);
    }

    private RowMapping Bind(DataViewSchema schema) => LanguageModelRows.Bind(schema, _definition.Columns, Generator);

    void ICanSaveModel.Save(ModelSaveContext ctx) => LanguageModelFile.Save(ctx, this);

    // ML.NET finds the loader by this name and signature.
    private static LanguageModelTransformer Create(IHostEnvironment env, ModelLoadContext ctx) => LanguageModelFile.Load(env, ctx);
}
