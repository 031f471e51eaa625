using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;

namespace Microsoft.ML.Generative.AspNetCore.Models;

/// <summary>A model that is loaded, or one with an adapter.</summary>
/// <param name="name">The name in requests.</param>
/// <param name="transformer">The model.</param>
/// <param name="isOwned">Whether the model is disposed of with this object.</param>
internal sealed class ServedModel(string name, ITransformer transformer, bool isOwned) : IDisposable
{
    private const string NoTexts = "generate no texts";

    private readonly Lazy<LanguageModelChatClient> _chat = new(() => Chat(new TextGenerationOptionsChange(null), transformer));
    private readonly ConcurrentDictionary<string, Lazy<ServedModel>> _adapted = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _turn = new(1);
    private int _inTurn;

    public string Name => name;

    public DateTimeOffset Created { get; } = DateTimeOffset.UtcNow;

    /// <exception cref="OpenAIException">The model is of another kind.</exception>
    public LanguageModelTransformer LanguageModel => transformer as LanguageModelTransformer
        ?? throw Unsuited(transformer is SequenceToSequenceTransformer ? "answer no conversations, only /v1/completions" : NoTexts);

    /// <exception cref="OpenAIException">The model is of another kind.</exception>
    public ITextCompletion Completion => transformer switch
    {
        LanguageModelTransformer model => new LanguageModelCompletion(model),
        SequenceToSequenceTransformer model => new SequenceToSequenceCompletion(model, this),
        _ => throw Unsuited(NoTexts),
    };

    /// <exception cref="OpenAIException">The model is of another kind.</exception>
    public DiffusionTransformer ImageModel => transformer as DiffusionTransformer ?? throw Unsuited("generate no images");

    /// <exception cref="OpenAIException">The model is of another kind.</exception>
    public TextEmbeddingGenerator Embeddings => transformer is IEmbeddingModel model
        ? new TextEmbeddingGenerator(model) : throw Unsuited("compute no vectors of texts");

    public IReadOnlyList<string> Adapters => transformer switch
    {
        LanguageModelTransformer model => model.Adapters,
        SequenceToSequenceTransformer model => model.Adapters,
        DiffusionTransformer model => model.Adapters,
        _ => [],
    };

    /// <summary>Texts, and requests of images and vectors, that are worked on, and those that wait, with adapters and without.</summary>
    public (int Running, int Waiting) Load
    {
        get
        {
            int inTurn = Volatile.Read(ref _inTurn);
            List<(int Running, int Waiting)> all = [(Math.Min(inTurn, 1), Math.Max(inTurn - 1, 0))];
            if (transformer is LanguageModelTransformer { Generator.Scheduler: { } scheduler })
                all.Add(scheduler.Load);
            all.AddRange(_adapted.Values.Select(model => model.Value.Load));
            return (all.Sum(load => load.Running), all.Sum(load => load.Waiting));
        }
    }

    /// <summary>The chat client.</summary>
    /// <param name="bias">What is added to logits; null: nothing.</param>
    public LanguageModelChatClient ChatClient(IReadOnlyDictionary<int, float>? bias)
    {
        _ = LanguageModel;
        return bias is null ? _chat.Value : Chat(new TextGenerationOptionsChange(bias), transformer);
    }

    /// <summary>Computes when nobody else does: what takes all cores and much memory, and gains nothing beside others.</summary>
    public async Task<T> InTurnAsync<T>(Func<Task<T>> compute, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _inTurn);
        try
        {
            await _turn.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                return await compute().ConfigureAwait(false);
            }
            finally
            {
                _turn.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _inTurn);
        }
    }

    /// <summary>
    /// The pieces of a text that is computed when nobody else computes, and as fast as that goes, whenever the caller takes them.
    /// </summary>
    public async IAsyncEnumerable<string> InTurnAsync(
        Func<CancellationToken, IAsyncEnumerable<string>> start, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var pieces = Channel.CreateUnbounded<string>();
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task computing = ComputeAsync();
        try
        {
            await foreach (string piece in pieces.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                yield return piece;
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await computing.ConfigureAwait(false);
        }

        async Task ComputeAsync()
        {
            try
            {
                await InTurnAsync(WriteAsync, stop.Token).ConfigureAwait(false);
                pieces.Writer.Complete();
            }
            catch (Exception e)
            {
                // The reader throws it.
                pieces.Writer.Complete(e);
            }
        }

        async Task<bool> WriteAsync()
        {
            await foreach (string piece in start(stop.Token).ConfigureAwait(false))
                pieces.Writer.TryWrite(piece);
            return true;
        }
    }

    /// <summary>The model with one of its adapters; null if it has no such one.</summary>
    public ServedModel? WithAdapter(string adapter) => !Adapters.Contains(adapter) ? null
        : _adapted.GetOrAdd(adapter, _ => new Lazy<ServedModel>(() => new ServedModel($"{name}:{adapter}", transformer switch
        {
            LanguageModelTransformer model => model.WithAdapter(adapter),
            SequenceToSequenceTransformer model => model.WithAdapter(adapter),
            DiffusionTransformer model => model.WithAdapter(adapter),
            _ => transformer,
        }, isOwned: true))).Value;

    /// <summary>Options of a text where a request says nothing else.</summary>
    public TextGenerationOptions NewOptions(IReadOnlyDictionary<int, float>? bias) =>
        new TextGenerationOptionsChange(bias).Apply(Completion.Defaults);

    public void Dispose()
    {
        foreach (Lazy<ServedModel> adapted in _adapted.Values)
        {
            if (adapted.IsValueCreated)
                adapted.Value.Dispose();
        }

        _turn.Dispose();
        if (isOwned)
            (transformer as IDisposable)?.Dispose();
    }

    private static LanguageModelChatClient Chat(TextGenerationOptionsChange change, ITransformer transformer)
    {
        var model = (LanguageModelTransformer)transformer;
        return new LanguageModelChatClient(model, model.Generator.Template, change.Apply(model.Generator.Defaults)) { FillsContext = true };
    }

    private OpenAIException Unsuited(string what) =>
        new(400, $"The model {name} can {what}: ask for another model.", "model");

    private readonly record struct TextGenerationOptionsChange(IReadOnlyDictionary<int, float>? Bias)
    {
        // A prompt that is too long is an error here, as callers expect.
        public TextGenerationOptions Apply(TextGenerationOptions defaults)
        {
            TextGenerationOptions options = defaults.Copy();
            options.ContextOverflow = ContextOverflow.Error;
            options.LogitBias = Bias ?? options.LogitBias;
            return options;
        }
    }
}
