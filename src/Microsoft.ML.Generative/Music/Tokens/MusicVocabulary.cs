using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Music.Tokens;

/// <summary>
/// The settings of <see cref="MusicTokens"/>. They are the content of one token of the tokenizer, which no text has, so that a model's file
/// says what its words mean.
/// </summary>
/// <param name="Kind">The words: piano-roll, voices or events.</param>
/// <param name="StepsPerQuarter">Steps in a quarter note.</param>
/// <param name="Lowest">The lowest pitch.</param>
/// <param name="Highest">The highest pitch.</param>
/// <param name="IsMarked">Whether words tell held pitches.</param>
/// <param name="IsRelative">Whether pitches are relative.</param>
/// <param name="Levels">Different velocities.</param>
internal sealed partial record MusicVocabulary(
    string Kind, int StepsPerQuarter, int Lowest, int Highest, bool IsMarked = false, bool IsRelative = false, int Levels = 0)
{
    public const string Roll = "piano-roll";
    public const string Voices = "voices";
    public const string Events = "events";

    /// <summary>What each word ends with in a text.</summary>
    public const string WordEnd = " ";

    /// <summary>The first ids are of tokens that are no words.</summary>
    public const int SpecialTokens = 4;

    /// <summary>The id of the token that ends a piece.</summary>
    public const int EndId = 1;

    private const string Begin = "<|begin|>";
    private const string End = "<|end|>";
    private const string Mask = "[MASK]";
    private const int SettingsId = 3;

    /// <summary>A tokenizer whose tokens are the words.</summary>
    public static GenerativeTokenizer Create(IReadOnlyList<string> words, MusicVocabulary settings)
    {
        string[] special = [Begin, End, Mask, settings.Write()];
        Dictionary<string, int> vocabulary = special.Concat(words.Select(word => word + WordEnd)).Select((token, id) => (token, id))
            .ToDictionary(t => t.token, t => t.id, StringComparer.Ordinal);
        byte[] json = TokenizerJsonWriter.Write(new TokenizerParts
        {
            AddedTokens = [.. special.Select((token, id) => new AddedToken(id, token, IsSpecial: true))],
            PreTokenizer = writer => TokenizerJsonParts.WriteSplit(writer, "[^ ]+ "),
            Model = writer =>
            {
                writer.WriteString("type", "WordLevel");
                TokenizerJsonParts.WriteVocabulary(writer, vocabulary);
                // Other readers need a name here even where nothing has it.
                writer.WriteString("unk_token", "<unk>");
            },
            PostProcessor = writer => TokenizerJsonParts.WriteFrame(writer, [(Begin, 0)], []),
            Decoder = TokenizerJsonParts.WriteFuse,
        });
        return TokenizerFiles.Create(json, new TokenizerConfig { BosToken = Begin, EosToken = End, MaskToken = Mask });
    }

    /// <summary>The settings of a tokenizer; <see langword="null"/> where it is not one of music.</summary>
    public static MusicVocabulary? Find(Microsoft.ML.Tokenizers.Tokenizer tokenizer)
    {
        return tokenizer is GenerativeTokenizer own && own.TokenOf(SettingsId) is { } token
            && Pattern().Match(token) is { Success: true } found
            ? new MusicVocabulary(
                found.Groups["kind"].Value, Number(found, "steps"), Number(found, "low"), Number(found, "high"),
                Number(found, "held") == 1, Number(found, "relative") == 1, Number(found, "levels"))
            : null;

        static int Number(Match match, string name) => int.Parse(match.Groups[name].ValueSpan, CultureInfo.InvariantCulture);
    }

    /// <summary>Makes the words again.</summary>
    public MusicTokens ToTokens() => Kind switch
    {
        Roll => MusicTokens.PianoRoll(StepsPerQuarter, IsMarked, Lowest, Highest, IsRelative),
        Voices => MusicTokens.Voices(StepsPerQuarter, Lowest, Highest),
        _ => MusicTokens.Events(StepsPerQuarter, Levels, IsRelative),
    };

    private string Write() => string.Create(
        CultureInfo.InvariantCulture,
        $"<|music {Kind} steps={StepsPerQuarter} low={Lowest} high={Highest} held={(IsMarked ? 1 : 0)} "
        + $"relative={(IsRelative ? 1 : 0)} levels={Levels}|>");

    [GeneratedRegex(
        @"^<\|music (?<kind>piano-roll|voices|events) steps=(?<steps>\d{1,3}) low=(?<low>\d{1,3}) high=(?<high>\d{1,3}) "
        + @"held=(?<held>[01]) relative=(?<relative>[01]) levels=(?<levels>\d{1,3})\|>$")]
    private static partial Regex Pattern();
}
