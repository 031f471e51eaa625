using System.Diagnostics;
using CsCheck;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;
using Microsoft.ML.Generative.Tokenizers;
using Xunit.Abstractions;

namespace Microsoft.ML.Generative.Tests;

public sealed class BytePairTrainingTests(ITestOutputHelper output)
{
    private static GenerativeTokenizer Train(string text, int merges, int minimumFrequency = 1) =>
        GenerativeTokenizers.TrainBytePairEncoding(
            [text],
            new BytePairEncodingOptions { VocabularySize = 256 + merges, MinimumFrequency = minimumFrequency, EndOfTextToken = null });

    private static IEnumerable<string?> Merged(GenerativeTokenizer tokenizer) =>
        Enumerable.Range(256, tokenizer.VocabularySize - 256).Select(tokenizer.TokenOf);

    [Fact]
    public void The_most_frequent_pair_is_merged_first() =>
        // From the article on byte pair encoding: aaabdaaabac becomes ZabdZabac, then ZYdZYac, then XdXac. Of the pairs aa (4 times) goes
        // first; of ab and Za (twice each) ab, since a has the lower id.
        Assert.Equal(["aa", "ab", "aaab"], Merged(Train("aaabdaaabac", 3)));

    [Fact]
    public void Of_equally_frequent_pairs_the_one_with_the_lower_ids_goes_first() =>
        Assert.Equal(["ab", "cd", "xa"], Merged(Train("xa.cd.ab", 3)));

    [Fact]
    public void Words_are_not_merged_with_each_other() =>
        Assert.DoesNotContain(
            Merged(Train(string.Concat(Enumerable.Repeat("ab ab", 50)), 20)), token => token!.IndexOf('Ġ', StringComparison.Ordinal) > 0);

    [Fact]
    public void Where_no_pair_is_frequent_enough_the_vocabulary_stays_smaller()
    {
        Assert.Equal(["ab"], Merged(Train("ab.ab.cd", 100, minimumFrequency: 2)));
        Assert.Empty(Merged(Train("abc", 100, minimumFrequency: 2)));
    }

    [Fact]
    public void The_end_of_a_text_has_the_last_id_and_is_no_part_of_words()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.TrainBytePairEncoding(["ab<|endoftext|>ab<|endoftext|>"], 300);

        Assert.Equal((257, 258), (tokenizer.EndOfTextId, tokenizer.VocabularySize));
        Assert.Equal([256, 257, 256], tokenizer.EncodeToIds("ab<|endoftext|>ab"));
        Assert.Equal(256, tokenizer.IdOf("ab"));
    }

    [Fact]
    public void Counting_and_merging_anew_each_time_gives_the_same_tokens() =>
        // Words of few letters, so that pairs overlap and several pairs make the same token.
        Gen.Select(Gen.Char["abc "].Array[20, 300], Gen.Int[1, 40]).Sample((letters, merges) =>
        {
            string text = new(letters);
            Assert.Equal(CountedAnew(text, merges), Merged(Train(text, merges)));
        });

    [Fact]
    public void Any_text_comes_back()
    {
        GenerativeTokenizer tokenizer = Train("the quick brown fox jumps over the lazy dog, the quick fox 🤗🤗 é é", 60);
        UnicodeText.Any.Sample(text =>
        {
            IReadOnlyList<int> ids = tokenizer.EncodeToIds(text);
            Assert.Equal(UnicodeText.WellFormed(text), tokenizer.Decode(ids));
            IncrementalDecoderTests.Check(tokenizer, ids);
        });
    }

    [Theory]
    [InlineData(256, 2, "VocabularySize")]
    [InlineData(300, 0, "MinimumFrequency")]
    public void Options_out_of_range_are_named(int size, int frequency, string name) =>
        Assert.Contains(name, Assert.ThrowsAny<ArgumentException>(
            () => GenerativeTokenizers.TrainBytePairEncoding(
                ["abc"], new BytePairEncodingOptions { VocabularySize = size, MinimumFrequency = frequency })).Message,
            StringComparison.Ordinal);

    [DataFileFact("tinyshakespeare/input.txt")]
    public void A_megabyte_of_text_makes_4096_tokens_in_seconds_and_comes_back()
    {
        string text = File.ReadAllText(DataFile.Find("tinyshakespeare/input.txt")!);
        var watch = Stopwatch.StartNew();
        GenerativeTokenizer tokenizer = GenerativeTokenizers.TrainBytePairEncoding([text], 4096);
        output.WriteLine($"trained in {watch.Elapsed.TotalSeconds:F2} s");

        var time = new ProcessorTime();
        watch.Restart();
        IReadOnlyList<int> ids = tokenizer.EncodeToIds(text);
        output.WriteLine($"encoded in {watch.Elapsed.TotalSeconds:F2} s: {(double)text.Length / ids.Count:F2} characters a token");

        Assert.Equal(4096, tokenizer.VocabularySize);
        Assert.Equal(text, tokenizer.Decode(ids));
        Assert.Equal(TokenizerFiles.Fingerprint(tokenizer), TokenizerFiles.Fingerprint(GenerativeTokenizers.TrainBytePairEncoding(
            text.Split('\0'), 4096)));
        Assert.InRange(time.Elapsed.TotalSeconds, 0, 20);
    }

    /// <summary>The plain algorithm: count all pairs, merge the first of the most frequent, and again.</summary>
    private static List<string> CountedAnew(string text, int merges)
    {
        List<(int Start, int Length)> places = [];
        KnownPatterns.Gpt2.Find(text, 0, text.Length, places, new PatternClock(text.Length));
        List<List<string>> words =
            [.. places.Select(place => text.Substring(place.Start, place.Length).Select(c => c == ' ' ? "Ġ" : c.ToString()).ToList())];
        List<string> tokens = [.. Enumerable.Range(0, 256).Select(value => ByteAlphabet.CharacterOf((byte)value).ToString())];
        while (tokens.Count < 256 + merges)
        {
            var best = words.SelectMany(word => word.Zip(word.Skip(1))).GroupBy(pair => pair)
                .OrderByDescending(group => group.Count()).ThenBy(group => tokens.IndexOf(group.Key.First))
                .ThenBy(group => tokens.IndexOf(group.Key.Second))
                .FirstOrDefault();
            if (best is null)
                break;
            string merged = best.Key.First + best.Key.Second;
            if (!tokens.Contains(merged))
                tokens.Add(merged);
            foreach (List<string> word in words)
            {
                for (int i = 0; i + 1 < word.Count; i++)
                {
                    if ((word[i], word[i + 1]) != best.Key)
                        continue;
                    word[i] = merged;
                    word.RemoveAt(i + 1);
                }
            }
        }

        return tokens[256..];
    }
}
