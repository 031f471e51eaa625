using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>The arguments of a call as they are written.</summary>
/// <param name="Positional">Those without names.</param>
/// <param name="Named">Those with names.</param>
/// <param name="More">A list of more of them (<c>*list</c>).</param>
/// <param name="MoreNamed">A dictionary of more of them (<c>**dict</c>).</param>
internal sealed record JinjaArgumentList(
    IReadOnlyList<JinjaExpression> Positional, IReadOnlyList<(string Name, JinjaExpression Value)> Named, JinjaExpression? More,
    JinjaExpression? MoreNamed)
{
    public static JinjaArgumentList None { get; } = new([], [], null, null);

    public JinjaArguments Evaluate(JinjaFrame frame)
    {
        List<object?> positional = [.. Positional.Select(frame.Evaluate)];
        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach ((string name, JinjaExpression value) in Named)
            Add(name, frame.Evaluate(value));
        if (More is not null)
            positional.AddRange(JinjaValues.Items(frame.Budget, frame.Evaluate(More)));
        if (MoreNamed is not null)
        {
            if (frame.Evaluate(MoreNamed) is not JinjaDictionary more)
                throw new JinjaException("what follows '**' is no dictionary");
            foreach ((object? key, object? value) in more.Items)
                Add(key is JinjaText text ? text.Value : throw new JinjaException("the name of an argument is no text"), value);
        }

        return new JinjaArguments(positional, named);

        void Add(string name, object? value)
        {
            if (!named.TryAdd(name, value))
                throw new JinjaException($"the argument '{name}' is given twice");
        }
    }
}

/// <summary>The arguments of a call.</summary>
internal sealed record JinjaArguments(IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    public static JinjaArguments None { get; } = new([], new Dictionary<string, object?>());

    public JinjaArguments With(string name, object? value) =>
        this with { Named = new Dictionary<string, object?>(Named, StringComparer.Ordinal) { [name] = value } };

    /// <summary>The arguments behind a number of them.</summary>
    public JinjaArguments Skip(int count) => this with { Positional = [.. Positional.Skip(count)] };

    /// <summary>Gives the arguments to parameters.</summary>
    /// <param name="function">The function's name, for errors.</param>
    /// <param name="parameters">The names; those that have to be given end with '!'.</param>
    /// <exception cref="JinjaException">One is missing, or not known.</exception>
    public JinjaParameters Bind(string function, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Count > parameters.Length)
            throw new JinjaException($"'{function}' takes {parameters.Length} arguments at most; {Positional.Count} were given");
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        for (int i = 0; i < Positional.Count; i++)
            values[parameters[i].TrimEnd('!')] = Positional[i];
        foreach ((string name, object? value) in Named)
        {
            if (!parameters.Contains(name) && !parameters.Contains(name + "!"))
                throw new JinjaException($"'{function}' has no argument {Quoted.Text(name)}");
            if (!values.TryAdd(name, value))
                throw new JinjaException($"'{function}' got its argument {Quoted.Text(name)} twice");
        }

        foreach (string parameter in parameters)
        {
            if (parameter.EndsWith('!') && !values.ContainsKey(parameter[..^1]))
                throw new JinjaException($"'{function}' needs its argument {Quoted.Text(parameter.AsSpan(0, parameter.Length - 1))}");
        }

        return new JinjaParameters(values);
    }
}

/// <summary>The values of a function's parameters; those that were not given are missing.</summary>
internal readonly record struct JinjaParameters(IReadOnlyDictionary<string, object?> Values)
{
    public object? this[string name] => Values.GetValueOrDefault(name);

    public bool Has(string name) => Values.ContainsKey(name);

    public bool IsTrue(string name) => JinjaValues.IsTrue(this[name]);

    public long Integer(string name, long missing) => Has(name) ? JinjaValues.Integer(this[name], name) : missing;

    public JinjaText Text(string name) => JinjaValues.Text(this[name], name);

    /// <summary>The text, or null where it is missing or none.</summary>
    public JinjaText? OptionalText(string name) => this[name] is null ? null : Text(name);
}
