using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class MaskingTests
{
    private const long None = -100;

    private static readonly GenerativeTokenizer _tokenizer = GenerativeTokenizers.TrainWordPiece(
        ["aaab aaab aaab cd ce cf ab ba bc"], new WordPieceOptions { VocabularySize = 40, MinimumFrequency = 3 });

    [Fact]
    public void Of_the_chosen_tokens_80_percent_are_masked_10_replaced_and_10_left_and_special_ones_never_chosen()
    {
        var masking = new TokenMasking(_tokenizer, MaskingKind.Bert, 0.15, wholeWords: false);
        int mask = _tokenizer.MaskId!.Value, a = _tokenizer.IdOf("a")!.Value;
        int[] special = [.. new[] { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" }.Select(token => _tokenizer.IdOf(token)!.Value)];
        (int all, int chosen, int masked, int replaced, int kept) = (0, 0, 0, 0, 0);
        for (int row = 0; row < 200; row++)
        {
            int[] text = [special[2], .. Enumerable.Repeat(a, 100), special[3], special[0], special[1], special[4]];
            int[] before = [.. text];
            long[] targets = new long[text.Length];
            Assert.Equal(
                masking.Apply(text, targets, new RowRandom(7, row)), new MaskedText(targets.Count(t => t != None), Weight: 1));
            for (int i = 0; i < text.Length; i++)
            {
                if (targets[i] == None)
                {
                    Assert.Equal(before[i], text[i]);
                    continue;
                }

                Assert.Equal(a, targets[i]);
                Assert.InRange(i, 1, 100);
                chosen++;
                if (text[i] == mask)
                    masked++;
                else if (text[i] == a)
                    kept++;
                else
                    replaced++;
                Assert.True(text[i] == mask || !special.Contains(text[i]));
            }

            all += 100;
        }

        // Within four standard deviations of the binomial distribution. A replacement may be the token itself.
        double other = 1 - 1.0 / (_tokenizer.VocabularySize - special.Length);
        Near(0.15, chosen, all);
        Near(0.8, masked, chosen);
        Near(0.1 * other, replaced, chosen);
        Near(0.1 + 0.1 * (1 - other), kept, chosen);

        static void Near(double part, int count, int all) =>
            Assert.Equal(part * all, count, 4 * Math.Sqrt(all * part * (1 - part)));
    }

    [Fact]
    public void In_any_order_each_number_of_tokens_is_as_likely_to_be_masked_and_each_token_counts_as_often()
    {
        const int Length = 5, Rows = 4_000;
        var masking = new TokenMasking(_tokenizer, MaskingKind.OrderAgnostic, 0.15, wholeWords: false);
        int mask = _tokenizer.MaskId!.Value, a = _tokenizer.IdOf("a")!.Value, first = _tokenizer.IdOf("[CLS]")!.Value;
        int[] numbers = new int[Length + 1];
        double[] weights = new double[Length];
        for (int row = 0; row < Rows; row++)
        {
            int[] text = [first, .. Enumerable.Repeat(a, Length)];
            long[] targets = new long[text.Length];
            MaskedText masked = masking.Apply(text, targets, new RowRandom(7, row));
            int[] places = [.. Enumerable.Range(0, text.Length).Where(i => targets[i] != None)];
            Assert.Equal(first, text[0]);
            Assert.All(Enumerable.Range(1, Length), i => Assert.Equal(targets[i] == None ? a : mask, text[i]));
            Assert.Equal(new MaskedText(Length, (double)Length / places.Length), masked);
            numbers[places.Length]++;
            foreach (int place in places)
                weights[place - 1] += masked.Weight;
        }

        // Within four standard deviations: 1/5 of the rows each; a weight of 5/k with probability k/5, whose mean is 1 and whose mean
        // square is the fifth of 5 (1 + 1/2 + 1/3 + 1/4 + 1/5).
        Assert.Equal(0, numbers[0]);
        Assert.All(numbers[1..], number => Assert.Equal(Rows / 5.0, number, 4 * Math.Sqrt(Rows * 0.2 * 0.8)));
        double variance = (1 + 1 / 2.0 + 1 / 3.0 + 1 / 4.0 + 1 / 5.0) - 1;
        Assert.All(weights, weight => Assert.Equal(Rows, weight, 4 * Math.Sqrt(Rows * variance)));
        Assert.Equal(new MaskedText(0, 0), masking.Apply([first], new long[1], new RowRandom(7, 0)));
    }

    [Fact]
    public void A_part_to_mask_is_refused_where_every_part_is_masked()
    {
        var options = new MaskedLanguageModelOptions { Masking = MaskingKind.OrderAgnostic, MaskProbability = 0.5 };
        Assert.StartsWith(
            "MaskProbability is 0.5, but Masking is OrderAgnostic", Assert.Throws<ArgumentException>(options.Validate).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_masks_of_a_row_depend_on_its_random_numbers_alone()
    {
        var masking = new TokenMasking(_tokenizer, MaskingKind.Bert, 0.5, wholeWords: false);
        int[] first = Masked(1), again = Masked(1), other = Masked(2);
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);

        int[] Masked(long row)
        {
            int[] text = [.. Enumerable.Repeat(_tokenizer.IdOf("a")!.Value, 40)];
            masking.Apply(text, new long[40], new RowRandom(3, row));
            return text;
        }
    }

    [Fact]
    public void Whole_words_are_chosen_with_all_their_tokens()
    {
        int[] text = [.. new EncoderCodec(_tokenizer, 64).Encode("bc ab bc ab ba bc ba ab").Ids];
        string[] tokens = [.. text.Select(id => _tokenizer.TokenOf(id)!)];
        Assert.Contains(tokens, token => token.StartsWith("##", StringComparison.Ordinal));
        var masking = new TokenMasking(_tokenizer, MaskingKind.Bert, 0.3, wholeWords: true);
        bool isAny = false;
        for (int row = 0; row < 30; row++)
        {
            int[] own = [.. text];
            long[] targets = new long[own.Length];
            masking.Apply(own, targets, new RowRandom(5, row));
            for (int i = 1; i < own.Length; i++)
            {
                if (tokens[i].StartsWith("##", StringComparison.Ordinal))
                    Assert.Equal(targets[i - 1] == None, targets[i] == None);
            }

            isAny |= targets.Any(t => t != None);
        }

        Assert.True(isAny);
    }

    [Fact]
    public void Tokenizers_without_a_mask_or_words_are_refused()
    {
        GenerativeTokenizer characters = GenerativeTokenizers.CharacterLevel(["abc"]);
        Assert.Contains("[MASK]", Assert.Throws<ArgumentException>(
            () => new TokenMasking(characters, MaskingKind.Bert, 0.15, false)).Message);
    }

    [Fact]
    public void Word_pieces_are_merged_by_their_frequency_and_encode_what_they_were_made_of()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.TrainWordPiece(["hug hug hug pug pun, Bün"], 30);
        Assert.Equal(
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", "b", "h", "p", "##g", "##n", "##u", "##ug", "hug", "##un"],
            Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.TokenOf(id)!));
        Assert.Equal(["hug", "p", "##ug"], tokenizer.EncodeFragment("Hug pug").Select(id => tokenizer.TokenOf(id)!));
        Assert.Equal(["[UNK]"], tokenizer.EncodeFragment("z").Select(id => tokenizer.TokenOf(id)!));
        Assert.Equal("hug, pug", tokenizer.Decode(tokenizer.EncodeToIds("hug, pug")));
        Assert.Equal(4, tokenizer.MaskId);
        Assert.Equal(7, GenerativeTokenizers.TrainWordPiece(["abc abd"], 7).VocabularySize);
        Assert.Throws<ArgumentException>(() => GenerativeTokenizers.TrainWordPiece([" "], 30));
        Assert.Throws<ArgumentOutOfRangeException>(() => GenerativeTokenizers.TrainWordPiece(["a"], 5));
    }
}
