using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>A place in the tokens of a template.</summary>
internal sealed class JinjaTokens(IReadOnlyList<JinjaToken> tokens)
{
    private int _place;

    /// <summary>The number of the current token.</summary>
    public int Place => _place;

    public JinjaToken Current => tokens[_place];

    public JinjaToken Following => tokens[Math.Min(_place + 1, tokens.Count - 1)];

    /// <summary>Advances, and returns the token that was current.</summary>
    public JinjaToken Next()
    {
        JinjaToken token = Current;
        _place = Math.Min(_place + 1, tokens.Count - 1);
        return token;
    }

    /// <summary>Whether a name stands between a token and the current one.</summary>
    public bool HaveName(string name, int from) =>
        Enumerable.Range(from, _place - from).Any(i => tokens[i].Kind == JinjaTokenKind.Name && tokens[i].Value == name);

    public bool IsName(string name) => Current.Kind == JinjaTokenKind.Name && Current.Value == name;

    public bool IsOperator(string value) => Current.Kind == JinjaTokenKind.Operator && Current.Value == value;

    public bool SkipName(string name) => Skip(IsName(name));

    public bool SkipOperator(string value) => Skip(IsOperator(value));

    public string Expect(JinjaTokenKind kind, string what) =>
        Current.Kind == kind ? Next().Value : throw Error($"{Found()} where {Quoted.Text(what)} was expected");

    public void ExpectOperator(string value)
    {
        if (!SkipOperator(value))
            throw Error($"{Found()} where '{value}' was expected");
    }

    public JinjaException Error(string what) => new(what, Current.Line);

    public string Found() => Current.Kind switch
    {
        JinjaTokenKind.End => "the template ends",
        JinjaTokenKind.EndStatement => "'%}'",
        JinjaTokenKind.EndOutput => "'}}'",
        _ => Quoted.Text(Current.Value),
    };

    private bool Skip(bool isThere)
    {
        if (isThere)
            Next();
        return isThere;
    }
}
