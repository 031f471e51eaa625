using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Text.Evaluation;

namespace Microsoft.ML.Generative.Tests;

public sealed class TextMetricsTests
{
    // The example in the documentation of rouge_score; bigrams by hand: 2 of 7, and 2 of 8.
    [Fact]
    public void Rouge_is_that_of_the_published_example()
    {
        TextMetrics found = Evaluate([("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog")]);

        AssertScore(0.75, 0.6666666666666666, 0.7058823529411765, found.Rouge1);
        AssertScore(0.625, 0.5555555555555556, 0.5882352941176471, found.RougeL);
        AssertScore(2.0 / 7, 2.0 / 8, 4.0 / 15, found.Rouge2);
    }

    // The tests of rouge_score.
    [Theory]
    [InlineData("testing", "testing one two", 1, 1.0 / 3, 0.5, 0, 0, 0, 1, 1.0 / 3, 0.5)]
    [InlineData("testing one", "testing one two", 1, 2.0 / 3, 0.8, 1, 0.5, 2.0 / 3, 1, 2.0 / 3, 0.8)]
    [InlineData("testing two", "testing one two", 1, 2.0 / 3, 0.8, 0, 0, 0, 1, 2.0 / 3, 0.8)]
    [InlineData("", "testing one two", 0, 0, 0, 0, 0, 0, 0, 0, 0)]
    [InlineData("a b", "", 0, 0, 0, 0, 0, 0, 0, 0, 0)]
    public void Rouge_is_that_of_the_published_cases(
        string text, string reference, double p1, double r1, double f1, double p2, double r2, double f2, double pL, double rL, double fL)
    {
        TextMetrics found = Evaluate([(text, reference)]);

        AssertScore(p1, r1, f1, found.Rouge1);
        AssertScore(p2, r2, f2, found.Rouge2);
        AssertScore(pL, rL, fL, found.RougeL);
    }

    [Fact]
    public void Rouge_is_the_mean_over_the_rows()
    {
        TextMetrics found = Evaluate([("testing", "testing one two"), ("one two", "one two")]);

        AssertScore(1, (1.0 / 3 + 1) / 2, 0.75, found.Rouge1);
        Assert.Equal(0.5, found.ExactMatch);
        Assert.Equal(2, found.Rows);
    }

    // The example in the documentation of sacreBLEU, with two references.
    [Fact]
    public void Bleu_is_that_of_the_published_example()
    {
        var ml = new MLContext();
        IDataView data = ml.Data.LoadFromEnumerable(
        [
            new TwoReferences { Output = "The dog bit the man.", Target = "The dog bit the man.", Other = "The dog had bit the man." },
            new TwoReferences
            {
                Output = "It wasn't surprising.",
                Target = "It was not unexpected.",
                Other = "No one was surprised.",
            },
            new TwoReferences
            {
                Output = "The man had just bitten him.",
                Target = "The man bit him first.",
                Other = "The man had bitten the dog.",
            },
        ]);

        TextMetrics found = ml.Generative().EvaluateText(data, "Output", "Target", "Other");

        Assert.Equal(48.530827009929865, found.Bleu, 1e-9);
        Assert.Equal(1.0 / 3, found.ExactMatch, 1e-12);
    }

    // By hand. Smoothing: none of the one 4-gram is shared, which counts as 1 / 2. Brevity: e^(1 − 6/5).
    [Theory]
    [InlineData("this is a test", "this is a test", 100)]
    [InlineData("this is a fest", "this is a test", 59.460355750136046)]
    [InlineData("a b c d e", "a b c d e f", 81.87307530779819)]
    [InlineData("a b c", "a b c", 0)]
    [InlineData("x y z w", "a b c d", 0)]
    [InlineData("", "a b c d", 0)]
    public void Bleu_of_a_text_is_that_of_the_formula(string text, string reference, double expected) =>
        Assert.Equal(expected, Evaluate([(text, reference)]).Bleu, 1e-9);

    [Theory]
    [InlineData("Hello, world! It's 3.5 o'clock.", "Hello , world ! It's 3.5 o'clock .")]
    [InlineData("1,000-fold (a/b) &quot;x&quot;", "1,000 - fold ( a / b ) \" x \"")]
    public void Words_are_those_of_mteval(string text, string words) => Assert.Equal(words.Split(' '), Bleu.Words(text));

    [Fact]
    public void What_cannot_be_compared_is_named()
    {
        var ml = new MLContext();
        IDataView data = ml.Data.LoadFromEnumerable(new List<TwoReferences>());

        Assert.Contains("'Missing'", Assert.ThrowsAny<ArgumentException>(() => ml.Generative().EvaluateText(data, "Missing")).Message);
        Assert.Contains("'Gold'", Assert.ThrowsAny<ArgumentException>(() => ml.Generative().EvaluateText(data, "Output", "Gold")).Message);
        Assert.ThrowsAny<ArgumentException>(() => ml.Generative().EvaluateText(data));
    }

    private static TextMetrics Evaluate((string Output, string Target)[] rows)
    {
        var ml = new MLContext();
        return ml.Generative().EvaluateText(
            ml.Data.LoadFromEnumerable(rows.Select(row => new TwoReferences { Output = row.Output, Target = row.Target })));
    }

    private static void AssertScore(double precision, double recall, double f1, RougeScore found)
    {
        Assert.Equal(precision, found.Precision, 1e-12);
        Assert.Equal(recall, found.Recall, 1e-12);
        Assert.Equal(f1, found.F1, 1e-12);
    }

    private sealed class TwoReferences
    {
        public string Output { get; set; } = "";

        public string Target { get; set; } = "";

        public string Other { get; set; } = "";
    }
}
