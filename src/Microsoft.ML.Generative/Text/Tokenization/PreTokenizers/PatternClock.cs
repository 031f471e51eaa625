using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>The time that all patterns of a tokenizer together may take for one text.</summary>
internal sealed class PatternClock
{
    /// <summary>The time that one match may take.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Known patterns take a millisecond for ten thousand characters.
    private const long Least = 10_000;
    private const int CharactersPerMillisecond = 50;

    private readonly long _limit;
    private readonly long _end;

    /// <param name="length">The text's length in characters.</param>
    public PatternClock(int length)
    {
        _limit = Least + length / CharactersPerMillisecond;
        _end = Environment.TickCount64 + _limit;
    }

    /// <exception cref="InvalidOperationException">The time is up.</exception>
    /// <exception cref="OperationCanceledException">The encoding was canceled.</exception>
    public void Check(string pattern)
    {
        EncodingStop.Check();
        if (Environment.TickCount64 > _end)
            throw TooLong(pattern, null);
    }

    public InvalidOperationException TooLong(string pattern, Exception? inner) => new(
        $"The tokenizer's pattern {Quoted.Text(pattern)} takes too long on a text: more than {Patience.TotalSeconds} seconds for a match "
        + $"or {_limit / 1000} in all.", inner);
}
