namespace Microsoft.ML.Generative.Tests;

/// <summary>Every estimator that learns texts, the smallest of each, on rows that all of them can read.</summary>
internal static class TextFamilies
{
    public static TheoryData<string> Names =>
    [
        "LanguageModel", "MaskedLanguageModel", "SentenceEmbedding", "TextClassification", "SequenceToSequence", "RewardModel", "Dpo",
        "Kto", "Grpo", "Rloo", "Ppo",
    ];

    public static IDataView Data(MLContext ml) => ml.Data.LoadFromEnumerable(TinyAlignment.Preferences.Select(Row));

    /// <summary>The rows, and one in which each text is this one.</summary>
    public static IDataView DataWith(MLContext ml, string text) => ml.Data.LoadFromEnumerable(
        TinyAlignment.Preferences.Select(Row).Append(
            new TextFamilyRow { Text = text, Pair = text, Prompt = text, Chosen = text, Rejected = text }));

    public static IEstimator<ITransformer> Create(MLContext ml, string family, Action<TrainingOptions> configure)
    {
        GenerativeTransformsCatalog catalog = ml.Transforms.Generative();
        SequenceToSequenceOptions pairs = TinyPairs.Options();
        pairs.TargetColumnName = "Pair";
        KtoOptions judged = TinyAlignment.Kto();
        (judged.CompletionColumnName, judged.LabelColumnName) = ("Chosen", "IsGood");
        return family switch
        {
            "LanguageModel" => catalog.LanguageModel(TinyText.Options().With(configure)),
            "MaskedLanguageModel" => catalog.MaskedLanguageModel(new MaskedLanguageModelOptions().Tiny().With(configure)),
            "SentenceEmbedding" => catalog.SentenceEmbedding(
                new SentenceEmbeddingOptions { PairColumnName = "Pair" }.Tiny().With(configure)),
            "TextClassification" => catalog.TextClassification(
                new TextClassificationOptions { Sentence1ColumnName = "Text", LabelColumnName = "IsGood" }.Tiny().With(configure)),
            "SequenceToSequence" => catalog.SequenceToSequence(pairs.With(configure)),
            "RewardModel" => catalog.RewardModel(TinyPreferences.RewardOptions().With(configure)),
            "Dpo" => catalog.Dpo(TinyAlignment.Dpo().With(configure)),
            "Kto" => catalog.Kto(judged.With(configure)),
            "Grpo" => catalog.Grpo(TinyAlignment.Grpo().With(configure)),
            "Rloo" => catalog.Rloo(TinyAlignment.Rloo().With(configure)),
            _ => catalog.Ppo(TinyAlignment.Ppo().With(configure)),
        };
    }

    private static TextFamilyRow Row(PreferenceRow pair, int i) => new()
    {
        Text = TinyText.Sentences[i],
        Pair = TinyText.Sentences[i + 1],
        Prompt = pair.Prompt,
        Chosen = pair.Chosen,
        Rejected = pair.Rejected,
        IsGood = i % 2 == 0,
    };
}

internal sealed class TextFamilyRow
{
    public string Text { get; set; } = "";

    public string Pair { get; set; } = "";

    public string Prompt { get; set; } = "";

    public string Chosen { get; set; } = "";

    public string Rejected { get; set; } = "";

    public bool IsGood { get; set; }

    public float Number { get; set; }
}
