namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>
/// A template in Jinja's language, as Hugging Face's transformers runs chat templates: in a sandbox in which values cannot be changed,
/// with <c>trim_blocks</c>, <c>lstrip_blocks</c>, loop controls and functions of its own.
/// https://jinja.palletsprojects.com/en/stable/templates/, https://huggingface.co/docs/transformers/chat_templating
/// </summary>
internal sealed class JinjaTemplate
{
    private const int MaxLength = 1 << 20;

    private readonly IReadOnlyList<JinjaStatement> _body;

    private JinjaTemplate(string source, IReadOnlyList<JinjaStatement> body) => (Source, _body) = (source, body);

    public string Source { get; }

    /// <exception cref="JinjaException">It is not valid, or uses what is not supported.</exception>
    public static JinjaTemplate Parse(string source) => source.Length <= MaxLength
        ? new JinjaTemplate(source, JinjaParser.Read(source))
        : throw new JinjaException($"the template has {source.Length} characters; at most {MaxLength} are allowed");

    /// <summary>Runs the template.</summary>
    /// <param name="variables">Its variables: values of <see cref="JinjaValues"/>.</param>
    /// <param name="characters">Characters in them.</param>
    /// <param name="now">The time that it may ask for.</param>
    /// <exception cref="JinjaException">The template fails, or uses more than it may.</exception>
    /// <exception cref="JinjaRefusal">The template refuses the variables.</exception>
    public JinjaRendering Render(IEnumerable<KeyValuePair<string, object?>> variables, long characters, DateTimeOffset now)
    {
        var globals = new JinjaScope(null);
        foreach (JinjaFunction function in JinjaFunctions.All)
            globals.Set(function.Name, function);
        foreach ((string name, object? value) in variables)
            globals.Set(name, value);
        var output = new JinjaText.Builder();
        var run = new JinjaRun(new JinjaBudget(characters + Source.Length), output, now);
        new JinjaFrame(run, new JinjaScope(globals), output).Execute(_body);
        return new JinjaRendering(output.ToText(), run.Generations);
    }
}

/// <summary>What a template wrote.</summary>
/// <param name="Text">The text.</param>
/// <param name="Generations">The ranges that the template marks as the model's.</param>
internal sealed record JinjaRendering(JinjaText Text, IReadOnlyList<(int Start, int End)> Generations);
