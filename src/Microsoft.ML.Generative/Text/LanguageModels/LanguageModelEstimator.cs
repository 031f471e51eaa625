using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>Trains a language model on texts, or continues to train one: it completes prompts, generates texts, and answers.</summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.LanguageModel(string, int?, int?)"/> or
/// <see cref="GenerativeTransformsCatalog.LanguageModel(LanguageModelOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item>
/// <term>input (Text)</term>
/// <description>text: documents to learn from, one per row; prompts where the model transforms rows.</description>
/// </item>
/// <item>
/// <term>input, optional (none)</term>
/// <description>text: the prompts that the texts answer, for supervised fine-tuning.</description>
/// </item>
/// <item>
/// <term>input, in place of both (none)</term>
/// <description>text: conversations in JSON, for supervised fine-tuning.</description>
/// </item>
/// <item><term>output (Completion)</term><description>text: the completion of the prompt.</description></item>
/// </list>
/// <para>
/// Task: generation of text · normalization: none needed · caching: not needed (reads once, once more where a tokenizer is made) · GPU:
/// yes · same seed, same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Radford et al., "Language models are unsupervised multitask learners", 2019; Touvron et al., "LLaMA", 2023,
/// <see href="https://arxiv.org/abs/2302.13971"/>.
/// </para>
/// </remarks>
/// <seealso cref="LanguageModelTransformer"/>
public sealed class LanguageModelEstimator : IEstimator<LanguageModelTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly LanguageModelOptions _options;

    internal LanguageModelEstimator(IHostEnvironment env, LanguageModelOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(LanguageModelEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">Data with the text column <see cref="LanguageModelOptions.InputColumnName"/>.</param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: a text with characters that the tokenizer lacks, or no conversation in its JSON.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// The tokenizer's chat template is not supported, and no other is given for conversations.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, the text does not fit the memory budget, or the
    /// loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The checkpoint folder or TensorBoard's cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public LanguageModelTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        var texts = new TextColumns(_options);
        texts.Check(input.Schema);
        _options.CheckValidation(texts.Check);

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            CheckSize(trainer);
            using IDisposable stop = EncodingStop.By(trainer.Run.StopIfCancelled);
            LanguageModelOptions options = Resolve(trainer.Run, texts, input, out TextCodec codec);
            var data = new LanguageModelData(trainer.Run, options, codec, texts);
            data.Read(input);

            using AdapterTraining<LanguageModelNetwork>? adapters = options.TrainsAdapter ? OpenAdapters(trainer, options) : null;
            LanguageModelNetwork network = adapters?.Network
                ?? trainer.CreateNetwork(() => new LanguageModelNetwork(options.Architecture, options.Dropout)
                {
                    UsesRecompute = options.GradientCheckpointing,
                });
            var phase = new TrainingPhase(
                trainer.Prepare("language-model", network, options), data.TrainingBatches,
                (_, batch) => new Losses(network.Loss(batch[0], batch[1])))
            {
                Unit = "tokens",
            };
            trainer.Train([phase], data.ValidationBatches, LanguageModelPreview.Open(trainer.Run, options, codec, network));
            return new LanguageModelTransformer(
                _host, LanguageModelDefinition.Of(options, trainer.Seed), codec,
                adapters?.Finish() ?? new AdaptedNetwork<LanguageModelNetwork>(network), trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        new TextColumns(_options).Check(inputSchema);
        return OutputColumn.Promise(inputSchema, LanguageModelColumns.Of(_options).Added);
    }

    private static AdapterTraining<LanguageModelNetwork> OpenAdapters(Trainer trainer, LanguageModelOptions options)
    {
        LanguageModelTransformer model = options.BaseModel!;
        using IDisposable use = model.Use();
        return LanguageModelCopies.OpenTraining(
            trainer, model.Networks.Select(null), options.Adapter, model.Networks.Active, options.Dropout, options.GradientCheckpointing);
    }

    // As far as the size is known before the tokenizer. An adapter needs the weights of its base model once.
    private void CheckSize(Trainer trainer)
    {
        if (_options.TrainsAdapter)
            return;
        LanguageModelArchitecture asked = _options.BaseModel?.Architecture ?? _options.Architecture;
        trainer.CheckSize(() => new LanguageModelNetwork(asked with { VocabularySize = Math.Max(1, asked.VocabularySize) }));
    }

    // The options as the model keeps them: with the tokenizer's vocabulary, or the base model's network.
    private LanguageModelOptions Resolve(TrainingRun run, TextColumns texts, IDataView input, out TextCodec codec)
    {
        LanguageModelOptions options = _options.Copy();
        if (_options.BaseModel is { } model)
        {
            codec = model.Codec;
            options.Architecture = model.Architecture;
            ResolveTemplate(options, codec);
            return options;
        }

        codec = _options.Tokenizer is { } tokenizer
            ? TextCodec.Of(
                tokenizer, _options.Architecture.VocabularySize,
                $"{nameof(LanguageModelArchitecture.VocabularySize)} of {nameof(LanguageModelOptions.Architecture)}")
            : TextCodec.Train(
                TextColumn.RequireText(texts.Read(run, input).SelectMany(row => TextsOf(row, options)), texts.Names),
                _options.VocabularySize);
        LanguageModelArchitecture architecture = _options.Architecture;
        if (architecture.VocabularySize != 0 && architecture.VocabularySize < codec.VocabularySize)
            throw new ArgumentException(
                $"{nameof(LanguageModelArchitecture.VocabularySize)} of {nameof(LanguageModelOptions.Architecture)} is "
                + $"{architecture.VocabularySize}, but the tokenizer has {codec.VocabularySize} tokens.");
        if (architecture.VocabularySize == 0)
            options.Architecture = architecture with { VocabularySize = codec.VocabularySize };
        ResolveTemplate(options, codec);
        return options;
    }

    private static IEnumerable<string> TextsOf(TextExample row, LanguageModelOptions options) => row switch
    {
        { Conversation: { } conversation } => [(options.ChatTemplate ?? ChatTemplate.Plain).Render(conversation)],
        { Prompt: { } prompt } => [prompt, row.Text],
        _ => [row.Text],
    };

    // Whether the tokenizer has the template's tokens does not depend on the data, and is checked before it is read.
    private static void ResolveTemplate(LanguageModelOptions options, TextCodec codec)
    {
        if (options.MessagesColumnName is null)
            return;
        options.ChatTemplate ??= options.BaseModel?.Generator.Template ?? ChatTemplate.Of(codec);
        options.ChatTemplate.EncodeAnswers(
            new Conversation([new ChatTurn(Conversation.User, ""), new ChatTurn(Conversation.Assistant, "")], wantsAnswer: false), codec);
    }
}
