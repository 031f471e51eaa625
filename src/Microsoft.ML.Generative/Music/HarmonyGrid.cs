using Microsoft.ML.Generative.Music.Tokens;

namespace Microsoft.ML.Generative.Music;

/// <summary>The words of four voices, step by step, while some of them are composed again.</summary>
/// <param name="tokens">What the words mean.</param>
/// <param name="words">The id of the word in each cell, four a step.</param>
internal sealed class HarmonyGrid(VoiceTokens tokens, int[] words)
{
    private readonly int?[] _pitches = tokens.PitchesOfIds;
    private readonly bool[] _isMasked = new bool[words.Length];

    /// <summary>The id of the word in each cell.</summary>
    public IReadOnlyList<int> Words => words;

    /// <summary>Forgets the words of cells.</summary>
    public void Mask(IEnumerable<int> cells)
    {
        foreach (int cell in cells)
            _isMasked[cell] = true;
    }

    public bool IsMasked(int cell) => _isMasked[cell];

    /// <summary>Fills a cell.</summary>
    public void Set(int cell, int word) => (words[cell], _isMasked[cell]) = (word, false);

    /// <summary>
    /// The faults of voice leading that a word would make in a cell, with those before, behind, above and below it that are not masked.
    /// </summary>
    public int CountFaults(int cell, int word)
    {
        if (_pitches[word] is not { } own)
            return 0;
        (int step, int voice) = (cell / VoiceTokens.VoiceCount, cell % VoiceTokens.VoiceCount);
        int faults = 0;
        for (int other = 0; other < VoiceTokens.VoiceCount; other++)
        {
            if (other == voice || PitchAt(step, other) is not { } theirs)
                continue;
            if (Math.Abs(other - voice) == 1 && (other > voice ? own < theirs : own > theirs))
                faults++;
            foreach (int beside in (ReadOnlySpan<int>)[step - 1, step + 1])
            {
                if (PitchAt(beside, voice) is { } ownBeside && PitchAt(beside, other) is { } theirsBeside
                    && VoiceLeading.Parallel(ownBeside, own, theirsBeside, theirs) is not null)
                    faults++;
            }
        }

        return faults;
    }

    private int? PitchAt(int step, int voice)
    {
        int cell = step * VoiceTokens.VoiceCount + voice;
        return cell < 0 || cell >= words.Length || _isMasked[cell] ? null : _pitches[words[cell]];
    }
}
