namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>Tokens that texts need at most to their shortest ends.</summary>
internal sealed class JsonRemainder(JsonCosts costs, JsonNames names)
{
    /// <summary>Tokens from a state on.</summary>
    public int Cost(in JsonState state)
    {
        int rest = AfterValue(state.Frame);
        return state.Phase switch
        {
            JsonPhase.Value => Value(state),
            JsonPhase.ArrayStart or JsonPhase.AfterValue => rest,
            JsonPhase.ObjectStart => JsonCosts.Sum(costs.First(state.Frame!.Rule, Levels(state.Frame)), state.Frame.After),
            JsonPhase.BeforeName => JsonCosts.Sum(costs.Of('"'), Name(JsonNames.Begin(state))),
            JsonPhase.Name => Name(state),
            JsonPhase.AfterName => JsonCosts.Sum(costs.Of(':'), Value(state)),
            JsonPhase.Number => JsonCosts.Sum(costs.Rest(state.Rule!.Number!, state.Place), rest),
            JsonPhase.Literal => state.IsDecidingVariant
                ? Variants(state, state.Place)
                : JsonCosts.Sum(costs.Rest(state.Rule!.Literals!, state.Place), rest),
            JsonPhase.Done => 0,
            JsonPhase.String when state.Rule!.String!.Pattern is { } pattern =>
                JsonCosts.Sum(costs.Rest(pattern, state.Place), costs.Of('"'), rest),
            _ => JsonCosts.Sum(
                costs.Character(state.Phase, state.Part),
                JsonCosts.Times(Math.Max(0, state.Rule!.String!.MinLength - state.Count), costs.AnyCharacter), costs.Of('"'), rest),
        };
    }

    /// <summary>Tokens after a value that is in an array or object.</summary>
    public int AfterValue(JsonFrame? frame) => frame switch
    {
        null => 0,
        { IsObject: true } => JsonCosts.Sum(costs.Rest(frame.Rule, Levels(frame), frame.Next), frame.After),
        _ => JsonCosts.Sum(costs.Rest(frame.Rule.Array!, Levels(frame), frame.Next), frame.After),
    };

    private static int Levels(JsonFrame? frame) => JsonCosts.MaxDepth - (frame?.Depth ?? 0);

    private int Value(in JsonState state) => state.IsDecidingVariant
        ? Variants(state, 0)
        : JsonCosts.Sum(costs.Value(state.Rule!, Levels(state.Frame)), AfterValue(state.Frame));

    private int Variants(in JsonState state, int place) =>
        JsonCosts.Sum(costs.Variants(state.Frame!.Rule.Object!, Levels(state.Frame), place), state.Frame.After);

    private int Name(in JsonState state)
    {
        JsonFrame frame = state.Frame!;
        JsonObjectRule rule = frame.Rule.Object!;
        int levels = Levels(frame), cost = JsonCosts.Never;
        if (state.Place != TextTrie.None)
        {
            int depth = rule.Names.Depth(state.Place);
            foreach (int property in rule.Names.Below(state.Place))
            {
                if (!rule.MayFollow(property, frame.Next))
                    continue;
                cost = Math.Min(cost, JsonCosts.Sum(
                    costs.Spelling(rule.Properties[property].Name)[depth], EndOfName(), costs.From(frame.Rule, levels, property)));
            }
        }

        if (state.Part != JsonNames.OfRuleOnly && names.MayAdd(frame))
        {
            // One of the characters that may come next makes any name a new one: there are more of them than names.
            bool isNew = state.Part == 0 && !JsonNames.IsOfRule(state, rule) && frame.Used?.Contains(state.NameHash) != true;
            cost = Math.Min(cost, JsonCosts.Sum(
                costs.Character(JsonPhase.Name, state.Part), isNew ? 0 : costs.AnyCharacter, EndOfName(),
                costs.Value(rule.Additional!, levels), costs.Rest(frame.Rule, levels, rule.Properties.Count)));
        }

        return JsonCosts.Sum(cost, frame.After);

        int EndOfName() => JsonCosts.Sum(costs.Of('"'), costs.Of(':'));
    }
}
