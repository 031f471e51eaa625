using Microsoft.ML.Generative.Music;
using Microsoft.ML.Generative.Music.Tokens;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Faults that one word makes among those around it.</summary>
public sealed class HarmonyGridTests
{
    private const int Steps = 4;
    private const int Cells = 4 * Steps;

    private readonly VoiceTokens _tokens = (VoiceTokens)MusicTokens.Voices(1);

    // Faults of a piece less those of the piece in which the voice is silent there.
    [Fact]
    public void Faults_of_a_word_are_those_that_silence_would_take_away()
    {
        var random = new Random(1);
        int most = 0;
        for (int i = 0; i < 40; i++)
        {
            // Pitches near each other, so that there are many faults; of steps that are apart, so that no chord is twice in a row.
            string[] words = [.. Enumerable.Range(0, Cells).Select(cell => $"{"SATB"[cell % 4]}{56 + random.Next(9)}")];
            if (Enumerable.Range(1, Steps - 1).Any(step => Pitches(words, step).SequenceEqual(Pitches(words, step - 1))))
                continue;
            var grid = new HarmonyGrid(_tokens, [.. words.Select(Id)]);
            for (int cell = 0; cell < Cells; cell++)
            {
                string[] silent = [.. words];
                silent[cell] = $"{words[cell][0]}-";
                int found = grid.CountFaults(cell, Id(words[cell]));
                Assert.Equal(Faults(words) - Faults(silent), found);
                most = Math.Max(most, found);
            }
        }

        Assert.True(most > 1);
    }

    // Soprano and bass go from C to D: octaves, whatever the octave; soprano and tenor from C over F to D over G: fifths.
    [Fact]
    public void Masked_words_make_no_faults()
    {
        var grid = new HarmonyGrid(_tokens, [.. "S72 A67 T65 B48 S74 A67 T67 B50".Split(' ').Select(Id)]);
        Assert.Equal(2, grid.CountFaults(4, Id("S74")));
        Assert.Equal(0, grid.CountFaults(4, Id("S-")));
        Assert.Equal(0, grid.CountFaults(4, Id("S72")));
        grid.Mask([7]);
        Assert.Equal(1, grid.CountFaults(4, Id("S74")));
        grid.Mask([2]);
        Assert.Equal(0, grid.CountFaults(4, Id("S74")));
        Assert.Equal(1, grid.CountFaults(4, Id("S66")));
        grid.Set(7, Id("B50"));
        Assert.Equal(1, grid.CountFaults(4, Id("S74")));
    }

    private static string[] Pitches(string[] words, int step) => [.. words[(4 * step)..(4 * step + 4)].Select(word => word[1..])];

    private int Faults(string[] words)
    {
        VoiceLeading found = VoiceLeading.Of(_tokens.Decode(string.Join(' ', words)));
        return found.ParallelFifths + found.ParallelOctaves + found.Crossings;
    }

    private int Id(string word) => _tokens.Tokenizer.IdOf(word + MusicVocabulary.WordEnd)!.Value;
}
