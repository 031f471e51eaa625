using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The smallest encoders that learn something of <see cref="TinyText"/>.</summary>
internal static class TinyEncoders
{
    private static readonly Lazy<GenerativeTokenizer> _tokenizer =
        new(() => GenerativeTokenizers.TrainWordPiece(TinyText.Sentences, 60));

    /// <summary>A tokenizer of the sentences, in which some words are several tokens.</summary>
    public static GenerativeTokenizer Tokenizer => _tokenizer.Value;

    public static EncoderArchitecture Architecture { get; } = new()
    {
        Layers = 1,
        Heads = 2,
        EmbeddingSize = 16,
        FeedForwardSize = 16,
        ContextLength = 24,
        SegmentCount = 1,
    };

    public static T Tiny<T>(this T options)
        where T : EncoderTrainingOptions
    {
        (options.Architecture, options.Tokenizer, options.Epochs, options.BatchSize) = (Architecture, Tokenizer, 2, 4);
        (options.TransformBatchSize, options.Dropout, options.LearningRate) = (7, 0, 0.003);
        options.Precision = ComputePrecision.Float32;
        return options;
    }

    /// <summary>The options without a tokenizer where a base model brings its own.</summary>
    public static T Based<T>(this T options)
        where T : EncoderTrainingOptions
    {
        if (options.BaseModel is not null)
            options.Tokenizer = null;
        return options;
    }

    public static IDataView Data(MLContext ml) => ml.Data.LoadFromEnumerable(TinyText.Sentences.Select((text, i) => new EncoderTestRow
    {
        Text = text,
        Masked = text.Replace("the", "[MASK]", StringComparison.Ordinal),
        Pair = TinyText.Sentences[(i + 1) % TinyText.Sentences.Length],
        Similarity = i % 3 - 1,
        Label = (uint)(text.Contains("fish", StringComparison.Ordinal) ? 1 : 0),
        Number = i,
    }));
}

internal sealed class EncoderTestRow
{
    public string Text { get; set; } = "";

    public string Masked { get; set; } = "";

    public string Pair { get; set; } = "";

    public float Similarity { get; set; }

    public uint Label { get; set; }

    public float Number { get; set; }
}
