using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.LanguageModels.Chat;

/// <summary>Computes vectors of texts.</summary>
internal sealed class TextEmbeddingGenerator(IEmbeddingModel model) : IEmbeddingGenerator<string, Embedding<float>>
{
    private const string ProviderName = "microsoft.ml.generative";

    private readonly EmbeddingGeneratorMetadata _metadata = new(
        ProviderName, defaultModelId: model.ModelId, defaultModelDimensions: model.EmbeddingSize);

    // Not asynchronous itself, so that a wrong argument is an error of the call.
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (options?.Dimensions is { } dimensions && dimensions != model.EmbeddingSize)
            throw new NotSupportedException(
                $"{nameof(EmbeddingGenerationOptions)}.{nameof(options.Dimensions)} is {dimensions}; this model's vectors have "
                + $"{model.EmbeddingSize}.");
        string[] texts = [.. values];
        string modelId = options?.ModelId ?? model.ModelId;
        return Task.Run(() => Embed(texts, modelId, cancellationToken), cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        return serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(model) ? model
            : null;
    }

    // The generator does not own the model.
    public void Dispose()
    {
    }

    private GeneratedEmbeddings<Embedding<float>> Embed(string[] texts, string modelId, CancellationToken cancellation)
    {
        using IDisposable stop = EncodingStop.By(cancellation);
        int[][] tokens = [.. texts.Select((text, i) => Encode(model, text, i))];
        var results = new GeneratedEmbeddings<Embedding<float>>(texts.Length);
        foreach (float[] vector in model.Embed(tokens, cancellation))
            results.Add(new Embedding<float>(vector) { CreatedAt = DateTimeOffset.UtcNow, ModelId = modelId });

        long count = tokens.Sum(t => (long)t.Length);
        results.Usage = new UsageDetails { InputTokenCount = count, TotalTokenCount = count };
        return results;
    }

    /// <summary>The tokens of one of several texts.</summary>
    /// <exception cref="ArgumentException">The text cannot be used; the message has its number.</exception>
    public static int[] Encode(IEmbeddingModel model, string text, int index)
    {
        if (text is null)
            throw new ArgumentException($"Text {index} is null.");
        try
        {
            return model.Encode(text);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"Text {index} cannot be used. {e.Message}", e);
        }
    }
}
