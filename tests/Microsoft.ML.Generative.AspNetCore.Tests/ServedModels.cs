using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

/// <summary>Tiny models: one that has learned some answers by heart, one that writes for long, one of images.</summary>
public sealed class ServedModels : IDisposable
{
    public const string Call = """<tool_call>{"name": "sky", "arguments": {"city": "Rome"}}</tool_call>""";

    private const string Template =
        "{% for t in tools or [] %}{{ t.function.name }} {% endfor %}{% for m in messages %}{{ m.content }}"
        + "{% for c in m.tool_calls or [] %}<tool_call>{{ {'name': c.function.name, 'arguments': c.function.arguments}|tojson }}"
        + "</tool_call>{% endfor %}{{ '|' if m.role != 'assistant' }}{% endfor %}";

    public ServedModels()
    {
        var ml = new MLContext(seed: 1);
        LanguageModelOptions options = Options(128);
        options.ChatTemplate = ChatTemplate.FromJinja(Template);
        (options.Epochs, options.LearningRate, options.BatchSize, options.Generation.Temperature) = (150, 5e-3, 4, 0);
        Parrot = ml.Transforms.Generative().LanguageModel(options).Fit(ml.Data.LoadFromEnumerable(
        [
            new Turn { Question = "cat?|", Answer = "meow" },
            new Turn { Question = "sky Rome?|", Answer = Call },
            new Turn { Question = $"sky Rome?|{Call}sun|", Answer = "It has sun" },
            new Turn { Question = "x|", Answer = "[b]0123456789-" },
        ]));

        options = Options(4096);
        options.ChatTemplate = ChatTemplate.FromJinja(Template);
        GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel(
            ["abcdefghijklmnopqrstuvwxyz?|"], new CharacterLevelOptions { EndOfTextToken = "<|endoftext|>" });
        options.Tokenizer = tokenizer;
        options.Generation.LogitBias = new Dictionary<int, float> { [tokenizer.EndOfTextId!.Value] = float.NegativeInfinity };
        options.Epochs = 1;
        Long = ml.Transforms.Generative().LanguageModel(options).Fit(
            ml.Data.LoadFromEnumerable([new Turn { Question = "cat?|", Answer = "abcdefghijklmnopqrstuvwxyz" }]));

        var images = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(i => new Picture
        {
            Image = [.. Enumerable.Range(0, 64).Select(p => (p + i) % 2 * 1f)],
            Label = i % 2 == 0 ? "even" : "odd",
        }));
        Images = ml.Transforms.Conversion.MapValueToKey("Label").Append(ml.Transforms.Generative().Diffusion(new DiffusionOptions
        {
            InputColumnName = nameof(Picture.Image),
            LabelColumnName = nameof(Picture.Label),
            Height = 8,
            Width = 8,
            BlockChannels = [4, 8],
            AttentionLevels = [1],
            AttentionHeadSize = 4,
            NormGroups = 2,
            Steps = 4,
            Epochs = 1,
            BatchSize = 8,
        })).Fit(images);
    }

    private readonly Lazy<SentenceEmbeddingTransformer> _encoder = new(() =>
    {
        var ml = new MLContext(seed: 1);
        return ml.Transforms.Generative().SentenceEmbedding(new SentenceEmbeddingOptions
        {
            Architecture = new EncoderArchitecture { Layers = 1, Heads = 2, EmbeddingSize = 8, ContextLength = 16 },
            PairColumnName = nameof(Pair.Other),
            MaxSteps = 1,
            Seed = 1,
        }).Fit(ml.Data.LoadFromEnumerable([new Pair("red cat", "cat in red"), new Pair("blue dog", "dog in blue")]));
    });

    private readonly Lazy<SequenceToSequenceTransformer> _translator = new(() =>
    {
        var ml = new MLContext(seed: 1);
        SequenceToSequenceOptions options = new()
        {
            Tokenizer = GenerativeTokenizers.CharacterLevel(
                ["abcdefghijklmnopqrstuvwxyz"], new CharacterLevelOptions { EndOfTextToken = "<|endoftext|>" }),
            Architecture = SequenceToSequenceArchitecture.T5Nano with { Layers = 1, Heads = 2, EmbeddingSize = 32, FeedForwardSize = 32 },
            BatchSize = 4,
            MaxSteps = 120,
            LearningRate = 0.01,
            Precision = ComputePrecision.Float32,
            Generation = new TextGenerationOptions { MaxTokens = 8, Temperature = 1, Beams = 2 },
        };
        SequenceToSequenceTransformer Fit(params Translation[] words) =>
            ml.Transforms.Generative().SequenceToSequence(options).Fit(ml.Data.LoadFromEnumerable(words));

        SequenceToSequenceTransformer german = Fit(new("red", "rot"), new("blue", "blau"), new("green", "gruen"), new("one", "eins"));
        (options.BaseModel, options.Tokenizer, options.Adapter) = (german, null, new LoraOptions { Name = "french" });
        using (german)
        using (SequenceToSequenceTransformer french = Fit(new("red", "rouge"), new("blue", "bleu"), new("green", "vert"), new("one", "un")))
            return french.WithAdapter(null);
    });

    internal LanguageModelTransformer Parrot { get; }

    internal LanguageModelTransformer Long { get; }

    internal ITransformer Images { get; }

    internal SentenceEmbeddingTransformer Encoder => _encoder.Value;

    /// <summary>An encoder–decoder that has learned four words, and others with its adapter; by default it searches with beams.</summary>
    internal SequenceToSequenceTransformer Translator => _translator.Value;

    public void Dispose()
    {
        Parrot.Dispose();
        Long.Dispose();
        (Images as IDisposable)?.Dispose();
        if (_encoder.IsValueCreated)
            _encoder.Value.Dispose();
        if (_translator.IsValueCreated)
            _translator.Value.Dispose();
    }

    private static LanguageModelOptions Options(int context) => new()
    {
        PromptColumnName = nameof(Turn.Question),
        InputColumnName = nameof(Turn.Answer),
        Architecture = LanguageModelArchitecture.LlamaNano with
        {
            Layers = 1,
            Heads = 2,
            EmbeddingSize = 32,
            FeedForwardSize = 32,
            ContextLength = context,
        },
        Precision = ComputePrecision.Float32,
    };

    private sealed record Translation(string Text, string Target);

    private sealed record Pair(string Text, string Other);

    private sealed class Turn
    {
        public string Question { get; set; } = "";

        public string Answer { get; set; } = "";
    }

    private sealed class Picture
    {
        [Microsoft.ML.Data.VectorType(64)]
        public float[] Image { get; set; } = [];

        public string Label { get; set; } = "";
    }
}
