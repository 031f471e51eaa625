namespace Microsoft.ML.Generative.Tests;

/// <summary>What all estimators that learn texts have in common.</summary>
public sealed class TextFamilyTests
{
    private static readonly MLContext _ml = new(seed: 1);

    public static TheoryData<string> Families => TextFamilies.Names;

    [Theory]
    [MemberData(nameof(Families))]
    public void Validation_data_that_cannot_be_used_is_named(string family)
    {
        IDataView data = TextFamilies.Data(_ml);
        IDataView raw = _ml.Transforms.SelectColumns("Number").Fit(data).Transform(data);
        string message = Refused<ArgumentException>(raw);
        Assert.StartsWith("ValidationData cannot be used. Column '", message);
        Assert.Contains("' is missing. The data has: Number.", message);
        Assert.Contains("In a pipeline, transform it by the steps before the model first", message);
        Assert.StartsWith("ValidationData cannot be used. The data is empty", Refused<ArgumentException>(_ml.Data.SkipRows(data, 100)));
        if (family is "MaskedLanguageModel" or "SentenceEmbedding" or "TextClassification")
            return;
        // A character that the tokenizer lacks, which WordPiece knows as [UNK].
        Assert.StartsWith("ValidationData cannot be used. Column '", Refused<InvalidDataException>(TextFamilies.DataWith(_ml, "ÄÖÜ")));

        string Refused<TException>(IDataView validation)
            where TException : Exception
        {
            IEstimator<ITransformer> estimator =
                TextFamilies.Create(_ml, family, o => (o.ValidationData, o.MaxSteps) = (validation, 1));
            return Assert.ThrowsAny<TException>(() => estimator.Fit(data)).Message;
        }
    }

    [Theory]
    [InlineData("LanguageModel", "Column 'Text' has")]
    [InlineData("MaskedLanguageModel", "Column 'Text' has")]
    [InlineData("SentenceEmbedding", "Columns 'Text', 'Pair' have")]
    [InlineData("TextClassification", "Column 'Text' has")]
    [InlineData("SequenceToSequence", "Columns 'Text', 'Pair' have")]
    public void Columns_without_text_are_named_where_a_tokenizer_is_made_of_them(string family, string expected)
    {
        IDataView blank = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 6).Select(
            i => new TextFamilyRow { Text = i == 0 ? null! : "", Pair = i == 1 ? " \n" : "", IsGood = i % 2 == 0 }));
        IEstimator<ITransformer> estimator = TextFamilies.Create(_ml, family, options =>
        {
            options.MaxSteps = 1;
            options.GetType().GetProperty("Tokenizer")!.SetValue(options, null);
        });
        Assert.StartsWith($"{expected} no text in any row", Assert.Throws<ArgumentException>(() => estimator.Fit(blank)).Message);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Speeds_count_tokens(string family)
    {
        var reports = new Reports();
        var model = (IDisposable)TextFamilies.Create(_ml, family, o => (o.Progress, o.MaxSteps) = (reports, 1)).Fit(TextFamilies.Data(_ml));
        model.Dispose();
        TrainingProgress report = reports.All[^1];
        Assert.Equal("tokens", report.SampleUnit);
        // A step has more tokens than rows.
        Assert.True(report.SamplesPerSecond * report.Elapsed.TotalSeconds > 8, $"{report.SamplesPerSecond} in {report.Elapsed}");
        Assert.All(report.LossTerms, term => Assert.NotEqual("", term.Key));
    }

    [Theory]
    [InlineData("RewardModel", "pairs")]
    [InlineData("Dpo", "pairs")]
    [InlineData("Kto", "rows")]
    [InlineData("Grpo", "prompts")]
    [InlineData("Rloo", "prompts")]
    [InlineData("Ppo", "prompts")]
    public void Rows_that_do_not_fit_the_context_are_left_out_with_their_number(string family, string unit)
    {
        MLContext ml = new(seed: 1);
        List<string> log = Logs.Of(ml);
        var model = (IDisposable)TextFamilies.Create(ml, family, o => o.MaxSteps = 1)
            .Fit(TextFamilies.DataWith(ml, "the cat sees a fish. a dog eats corn."));
        model.Dispose();
        Assert.Contains(log, line => line.Contains($"1 of 19 {unit} are left out: they have more") && line.Contains("(rows 18)"));
    }
}
