using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Patterns of files, which may be made to take forever, and the characters of words.</summary>
public sealed class TokenizerPatternTests
{
    // Exponential, and of the fifth degree, to an engine that backtracks.
    [Theory]
    [InlineData("(a|a)*b")]
    [InlineData("(a+)+b")]
    [InlineData("(.*)(.*)(.*)(.*)(.*)[^a]")]
    [InlineData("(?i:(a|b|ab)*c)")]
    public void A_pattern_without_look_around_takes_time_that_grows_with_the_text(string pattern)
    {
        var compiled = new UnicodePattern(PatternTranslator.Translate(pattern));
        Assert.True(compiled.IsLinear);
        List<(int, int)> matches = [];
        var time = new ProcessorTime();
        compiled.Find(new string('a', 3000), 0, 3000, matches, new PatternClock(3000));
        Assert.Empty(matches);
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(4), $"{time.Elapsed}");
    }

    [Theory]
    [InlineData(KnownPatterns.Gpt2Text)]
    [InlineData(KnownPatterns.Cl100kText)]
    [InlineData(KnownPatterns.WhitespaceText)]
    public void Known_patterns_keep_the_quick_engine(string pattern) => Assert.False(new UnicodePattern(pattern).IsLinear);

    [Fact]
    public void Both_engines_find_the_same_matches()
    {
        foreach (string pattern in (string[])
        [
            @"\p{N}{1,3}|\p{L}+|[^\s\p{L}\p{N}]+", @"(?i:'s|'t|'re)|\w+?\d*| ?\p{P}", @"a|ab|abc|\s*[\r\n]+|\s+", @"(?m:^)a+(?m:$)|b*",
        ])
        {
            var linear = new UnicodePattern(pattern);
            Assert.True(linear.IsLinear);
            var other = new Regex(pattern, RegexOptions.CultureInvariant);
            CsCheck.Check.Sample(CsCheck.Gen.OneOf(CsCheck.Gen.String["abcAB'sStT 12\n\r.,-"], UnicodeText.Any), text =>
            {
                if (text.Any(char.IsSurrogate))
                    return;
                List<(int, int)> found = [];
                linear.Find(text, 0, text.Length, found, new PatternClock(text.Length));
                Assert.Equal(other.Matches(text).Select(m => (m.Index, m.Length)), found);
            });
        }
    }

    [Fact]
    public void A_pattern_that_takes_too_long_ends_with_one_error()
    {
        // Needs a look-ahead, and takes exponential time for each word of the text.
        GenerativeTokenizer tokenizer = Tokenizer(@"(a|aa)+(?=\p{N})");
        var time = new ProcessorTime();
        var error = Assert.Throws<InvalidOperationException>(() =>
            tokenizer.EncodeToIds(string.Join(' ', Enumerable.Repeat(new string('a', 80) + "!", 1000))));
        Assert.Contains("'(?:a|aa)+(?=\\p{N})' takes too long on a text", error.Message);
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(30), $"{time.Elapsed}");
    }

    [Fact]
    public void A_fit_stops_in_the_middle_of_a_slow_text_when_it_is_canceled()
    {
        // Each word takes some milliseconds, all of them more than the text may take.
        GenerativeTokenizer tokenizer = Tokenizer(@"(a|aa)+(?=\p{N})");
        MLContext ml = new(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable(
            [new { Text = string.Join(' ', Enumerable.Repeat(new string('a', 26) + "!", 40_000)) }]);
        using var cancellation = new CancellationTokenSource();
        // A thread of its own waits for no other.
        var canceling = new Thread(() =>
        {
            Thread.Sleep(300);
            cancellation.Cancel();
        });
        LanguageModelEstimator estimator = ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Tokenizer = tokenizer,
            Layers = 1,
            Heads = 1,
            EmbeddingSize = 8,
            MaxSteps = 1,
            CancellationToken = cancellation.Token,
        });
        var time = new ProcessorTime();
        canceling.Start();
        Assert.ThrowsAny<OperationCanceledException>(() => estimator.Fit(data));
        canceling.Join();
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(6), $"{time.Elapsed}");
    }

    [Fact]
    public void What_stops_an_encoding_belongs_to_its_thread_and_scope()
    {
        GenerativeTokenizer tokenizer = Tokenizer("a");
        using (EncodingStop.By(() => throw new OperationCanceledException()))
        {
            Assert.Throws<OperationCanceledException>(() => tokenizer.EncodeToIds("aaa"));
            Exception? elsewhere = null;
            var thread = new Thread(() => elsewhere = Record.Exception(() => tokenizer.EncodeToIds("aaa")));
            thread.Start();
            thread.Join();
            Assert.Null(elsewhere);
        }

        Assert.NotEmpty(tokenizer.EncodeToIds("aaa"));
    }

    // As Rust's regular expressions have it: alphabetic characters, marks, digits, connectors, joiners.
    [Theory]
    [InlineData("\u200C", true)]
    [InlineData("\u200D", true)]
    [InlineData("ⓐ", true)]
    [InlineData("Ⓩ", true)]
    [InlineData("🅰", true)]
    [InlineData("🄰", true)]
    [InlineData("a", true)]
    [InlineData("٣", true)]
    [InlineData("Ⅷ", true)]
    [InlineData("_", true)]
    [InlineData("\u0301", true)]
    [InlineData("²", false)]
    [InlineData("①", false)]
    [InlineData("🤗", false)]
    [InlineData("-", false)]
    [InlineData(" ", false)]
    [InlineData("\u200B", false)]
    public void A_token_that_is_a_word_is_none_beside_a_word_s_characters(string character, bool isWord)
    {
        JsonNode json = JsonNode.Parse(
            GenerativeTokenizers.CharacterLevel(["word" + character], new CharacterLevelOptions { UnknownToken = "?" }).Json.Span)!;
        json["added_tokens"]!.AsArray().Add(new JsonObject
        {
            ["id"] = 99,
            ["content"] = "wor",
            ["single_word"] = true,
            ["normalized"] = false,
            ["special"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
        });
        GenerativeTokenizer tokenizer = TokenizerFiles.Create(JsonSerializer.SerializeToUtf8Bytes(json), TokenizerConfig.Empty);
        Assert.Equal(!isWord, tokenizer.EncodeToIds("wor" + character).Contains(99));
        Assert.Equal(!isWord, tokenizer.EncodeToIds(character + "wor").Contains(99));
        Assert.Contains(99, tokenizer.EncodeToIds("wor"));
    }

    [Fact]
    public void A_word_s_characters_are_the_same_for_tokens_and_for_the_pre_tokenizer()
    {
        var words = new UnicodePattern($"[{CharacterKinds.WordClass}]");
        for (int code = 0; code < 0x20000; code++)
        {
            if (!Rune.IsValid(code))
                continue;
            string text = new Rune(code).ToString();
            List<(int, int)> matches = [];
            words.Find(text, 0, text.Length, matches, new PatternClock(1));
            Assert.True(matches.Count > 0 == CharacterKinds.IsWord(new Rune(code)), $"U+{code:X}");
        }
    }

    private static GenerativeTokenizer Tokenizer(string pattern)
    {
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "WhitespaceSplit" },
                    new JsonObject
                    {
                        ["type"] = "Split",
                        ["pattern"] = new JsonObject { ["Regex"] = pattern },
                        ["behavior"] = "Isolated",
                        ["invert"] = false,
                    }),
            },
            ["model"] = new JsonObject { ["type"] = "WordLevel", ["vocab"] = new JsonObject { ["a"] = 0 }, ["unk_token"] = "a" },
        };
        return TokenizerFiles.Create(JsonSerializer.SerializeToUtf8Bytes(json), TokenizerConfig.Empty);
    }
}
