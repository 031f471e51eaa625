namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>A part of a template that writes or changes variables.</summary>
internal abstract record JinjaStatement
{
    /// <summary>The line, from 1.</summary>
    public int Line { get; init; }

    public abstract JinjaFlow Execute(JinjaFrame frame);
}

internal sealed record TextStatement(JinjaText Text) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        frame.Write(Text);
        return JinjaFlow.Next;
    }
}

internal sealed record OutputStatement(JinjaExpression Value) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        frame.Write(JinjaValues.ToText(frame.Budget, frame.Evaluate(Value)));
        return JinjaFlow.Next;
    }
}

internal sealed record IfStatement(
    IReadOnlyList<(JinjaExpression Condition, IReadOnlyList<JinjaStatement> Body)> Branches, IReadOnlyList<JinjaStatement> Else)
    : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        foreach ((JinjaExpression condition, IReadOnlyList<JinjaStatement> body) in Branches)
        {
            if (frame.IsTrue(condition))
                return frame.Execute(body);
        }

        return frame.Execute(Else);
    }
}

internal sealed record ForStatement(
    JinjaTarget Target, JinjaExpression Items, JinjaExpression? Condition, bool IsRecursive, IReadOnlyList<JinjaStatement> Body,
    IReadOnlyList<JinjaStatement> Else) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        Run(frame, frame.Evaluate(Items), 1);
        return JinjaFlow.Next;
    }

    private void Run(JinjaFrame frame, object? values, int depth)
    {
        using JinjaBudget.Level level = frame.Budget.Enter();
        IReadOnlyList<object?> items = JinjaValues.Items(frame.Budget, values);
        if (Condition is not null)
            items = [.. items.Where(item => IsWanted(frame, item))];
        if (items.Count == 0)
        {
            frame.Inner().Execute(Else);
            return;
        }

        Func<object?, JinjaText>? again = IsRecursive ? inner => Capture(frame, inner, depth + 1) : null;
        var loop = new JinjaLoop(items, depth, again);
        for (int i = 0; i < items.Count; i++)
        {
            loop.Index = i;
            JinjaFrame inner = frame.Inner();
            inner.Scope.Set("loop", loop);
            Target.Assign(inner, items[i]);
            if (inner.Execute(Body) == JinjaFlow.Break)
                break;
        }
    }

    private JinjaText Capture(JinjaFrame frame, object? values, int depth)
    {
        var output = new JinjaText.Builder();
        Run(frame with { Output = output }, values, depth);
        return output.ToText();
    }

    private bool IsWanted(JinjaFrame frame, object? item)
    {
        JinjaFrame inner = frame.Inner();
        Target.Assign(inner, item);
        return inner.IsTrue(Condition!);
    }
}

internal sealed record SetStatement(JinjaTarget Target, JinjaExpression Value) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        Target.Assign(frame, frame.Evaluate(Value));
        return JinjaFlow.Next;
    }
}

internal sealed record SetBlockStatement(JinjaTarget Target, JinjaExpression? Filter, IReadOnlyList<JinjaStatement> Body)
    : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        JinjaText text = frame.Capture(Body, new JinjaScope(frame.Scope));
        Target.Assign(frame, BodyExpression.Filtered(frame, Filter, text));
        return JinjaFlow.Next;
    }
}

internal sealed record FilterStatement(JinjaExpression Filter, IReadOnlyList<JinjaStatement> Body) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        JinjaText text = frame.Capture(Body, new JinjaScope(frame.Scope));
        frame.Write(JinjaValues.ToText(frame.Budget, BodyExpression.Filtered(frame, Filter, text)));
        return JinjaFlow.Next;
    }
}

internal sealed record WithStatement(IReadOnlyList<(JinjaTarget Target, JinjaExpression Value)> Values, IReadOnlyList<JinjaStatement> Body)
    : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        JinjaFrame inner = frame.Inner();
        foreach ((JinjaTarget target, JinjaExpression value) in Values)
            target.Assign(inner, frame.Evaluate(value));
        return inner.Execute(Body);
    }
}

/// <summary>Hugging Face's block around what the model is to generate.</summary>
internal sealed record GenerationStatement(IReadOnlyList<JinjaStatement> Body) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        int start = frame.Output.Length;
        JinjaFlow flow = frame.Inner().Execute(Body);
        if (frame.Output == frame.Run.Output)
            frame.Run.Generations.Add((start, frame.Output.Length));
        return flow;
    }
}

internal sealed record MacroStatement(string Name, JinjaMacro Macro) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        frame.Scope.Set(Name, Macro.In(frame));
        return JinjaFlow.Next;
    }
}

internal sealed record CallStatement(CallExpression Call, JinjaMacro Caller) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame)
    {
        frame.Write(JinjaValues.ToText(frame.Budget, Call.Evaluate(frame, Caller.In(frame))));
        return JinjaFlow.Next;
    }
}

internal sealed record JumpStatement(JinjaFlow Flow) : JinjaStatement
{
    public override JinjaFlow Execute(JinjaFrame frame) => Flow;
}
