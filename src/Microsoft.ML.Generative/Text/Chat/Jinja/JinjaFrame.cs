namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Where a template is while it runs: its variables, and what it has written.</summary>
/// <param name="Run">What is the same for the whole run.</param>
/// <param name="Scope">The variables.</param>
/// <param name="Output">What is written.</param>
internal sealed record JinjaFrame(JinjaRun Run, JinjaScope Scope, JinjaText.Builder Output)
{
    public JinjaBudget Budget => Run.Budget;

    public JinjaFrame Inner() => this with { Scope = new JinjaScope(Scope) };

    public void Write(JinjaText text)
    {
        Budget.Spend(text.Length);
        Output.Append(text);
    }

    public JinjaFlow Execute(IReadOnlyList<JinjaStatement> body)
    {
        using JinjaBudget.Level level = Budget.Enter();
        foreach (JinjaStatement statement in body)
        {
            JinjaFlow flow = Execute(statement);
            if (flow != JinjaFlow.Next)
                return flow;
        }

        return JinjaFlow.Next;
    }

    private JinjaFlow Execute(JinjaStatement statement)
    {
        try
        {
            Budget.Spend(1);
            return statement.Execute(this);
        }
        catch (JinjaException e) when (!e.HasLine && statement.Line > 0)
        {
            throw new JinjaException(e.Message, statement.Line);
        }
    }

    /// <summary>What a body writes, with variables of its own.</summary>
    public JinjaText Capture(IReadOnlyList<JinjaStatement> body, JinjaScope scope)
    {
        var output = new JinjaText.Builder();
        (this with { Scope = scope, Output = output }).Execute(body);
        return output.ToText();
    }

    public object? Evaluate(JinjaExpression expression)
    {
        using JinjaBudget.Level level = Budget.Enter();
        Budget.Spend(1);
        return expression.Evaluate(this);
    }

    public bool IsTrue(JinjaExpression expression) => JinjaValues.IsTrue(Evaluate(expression));
}

/// <summary>One run of a template.</summary>
/// <param name="Budget">What it may use.</param>
/// <param name="Output">Where the template itself writes.</param>
/// <param name="Now">The time that templates ask for.</param>
internal sealed record JinjaRun(JinjaBudget Budget, JinjaText.Builder Output, DateTimeOffset Now)
{
    /// <summary>Ranges of the text that the template marks as the model's.</summary>
    public List<(int Start, int End)> Generations { get; } = [];
}

/// <summary>What comes after a statement.</summary>
internal enum JinjaFlow
{
    Next,
    Break,
    Continue,
}
