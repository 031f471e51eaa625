using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>The names of an object's properties: those of its rule in their order, then others, each once.</summary>
/// <param name="alphabet">Characters that are tokens and may be in a name.</param>
internal sealed class JsonNames(int alphabet)
{
    /// <summary>In place of a state of UTF-8: a name with an escape, which has to be one of the rule's.</summary>
    public const byte OfRuleOnly = Utf8State.Count;

    // FNV-1a.
    private const ulong HashStart = 14695981039346656037;
    private const ulong HashFactor = 1099511628211;

    public static bool IsOfRule(in JsonState state, JsonObjectRule rule) =>
        state.Place != TextTrie.None && rule.Names.TextAt(state.Place) != TextTrie.None;

    /// <summary>The state within the quotation marks.</summary>
    public static JsonState Begin(in JsonState state)
    {
        JsonState next = state;
        next.Place = state.Frame!.Rule.Object!.Properties.Count > 0 ? 0 : TextTrie.None;
        (next.Part, next.NameHash) = (0, HashStart);
        next.Go(JsonPhase.Name);
        return next;
    }

    public static bool TryBegin(byte value, ref JsonState next)
    {
        if (value != '"')
            return false;
        next = Begin(next);
        return true;
    }

    /// <summary>Whether a name that the rule does not have may come.</summary>
    public bool MayAdd(JsonFrame frame)
    {
        JsonObjectRule rule = frame.Rule.Object!;
        return rule.Additional is not null && rule.IsCompleteAt(frame.Next)
            && (frame.Used?.Count ?? 0) + rule.Properties.Count < Math.Max(1, alphabet);
    }

    public bool TryStep(byte value, ref JsonState next)
    {
        JsonObjectRule rule = next.Frame!.Rule.Object!;
        int place = next.Place == TextTrie.None ? TextTrie.None : rule.Names.Next(next.Place, value);
        // Within an escape of a name of the rule even a quotation mark is part of it.
        if (place == TextTrie.None && value == '"')
            return TryEnd(rule, ref next);
        if (place == TextTrie.None && (value is (byte)'\\' or < 0x20 || next.Part == OfRuleOnly || !MayAdd(next.Frame)))
            return false;

        next.Place = place;
        next.NameHash = (next.NameHash ^ value) * HashFactor;
        if (value == '\\')
            next.Part = OfRuleOnly;
        else if (next.Part != OfRuleOnly)
            next.Part = Utf8State.Next(next.Part, value);
        return next.Part != Utf8State.Invalid;
    }

    private bool TryEnd(JsonObjectRule rule, ref JsonState next)
    {
        JsonFrame frame = next.Frame!;
        if (IsOfRule(next, rule))
        {
            int property = rule.Names.TextAt(next.Place);
            next.Frame = frame with { Next = property + 1 };
            next.Rule = rule.Properties[property].Rule;
            return rule.MayFollow(property, frame.Next) && next.Go(JsonPhase.AfterName);
        }

        if (next.Part != 0 || !MayAdd(frame) || frame.Used?.Contains(next.NameHash) == true)
            return false;
        next.Frame = frame with
        {
            Next = rule.Properties.Count,
            Used = new JsonUsedNames(next.NameHash, frame.Used, (frame.Used?.Count ?? 0) + 1),
        };
        next.Rule = rule.Additional;
        return next.Go(JsonPhase.AfterName);
    }
}
