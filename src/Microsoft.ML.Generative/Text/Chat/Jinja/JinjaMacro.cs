using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>A function that a template defines: what its body writes is its value.</summary>
/// <param name="Name">The name.</param>
/// <param name="Parameters">Names and defaults.</param>
/// <param name="Body">What it does.</param>
/// <param name="TakesMore">Whether it takes more values than it has parameters.</param>
internal sealed record JinjaMacro(
    string Name, IReadOnlyList<(string Name, JinjaExpression? Default)> Parameters, IReadOnlyList<JinjaStatement> Body, bool TakesMore)
{
    /// <summary>The variable of values beyond the parameters.</summary>
    public const string More = "varargs";

    private const string MoreNamed = "kwargs";
    private const string Caller = "caller";

    /// <summary>The function, among the variables of the place where it is defined.</summary>
    public JinjaFunction In(JinjaFrame frame) => new(Name, (_, arguments) => Call(frame, arguments));

    private JinjaText Call(JinjaFrame frame, JinjaArguments arguments)
    {
        var scope = new JinjaScope(frame.Scope);
        JinjaFrame inner = frame with { Scope = scope };
        if (arguments.Positional.Count > Parameters.Count && !TakesMore)
            throw new JinjaException($"'{Name}' takes {Parameters.Count} arguments at most; {arguments.Positional.Count} were given");
        if (TakesMore)
            scope.Set(More, new JinjaList([.. arguments.Positional.Skip(Parameters.Count)], isTuple: true));
        for (int i = 0; i < Parameters.Count; i++)
        {
            (string name, JinjaExpression? missing) = Parameters[i];
            object? value = i < arguments.Positional.Count ? arguments.Positional[i]
                : arguments.Named.TryGetValue(name, out object? named) ? named
                : missing is not null ? inner.Evaluate(missing)
                : new JinjaUndefined($"parameter {Quoted.Text(name)} was not provided");
            scope.Set(name, value);
        }

        var others = new JinjaDictionary();
        foreach ((string name, object? value) in arguments.Named.Where(n => !Parameters.Any(p => p.Name == n.Key)))
        {
            if (name == Caller)
                scope.Set(Caller, value);
            else
                others.Set(JinjaText.Of(name), value);
        }

        scope.Set(MoreNamed, others);
        return frame.Capture(Body, scope);
    }
}
