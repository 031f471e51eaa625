namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>A part of a template that has a value.</summary>
internal abstract record JinjaExpression
{
    /// <summary>Computes the value; <see cref="JinjaFrame.Evaluate"/> counts the step.</summary>
    public abstract object? Evaluate(JinjaFrame frame);
}

internal sealed record ConstantExpression(object? Value) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) => Value;
}

internal sealed record NameExpression(string Name) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) =>
        frame.Scope.TryGet(Name, out object? value) ? value : new JinjaUndefined($"'{Name}' is undefined");
}

/// <summary>The text of the body that a filter stands at.</summary>
internal sealed record BodyExpression : JinjaExpression
{
    private const string Name = " body";

    /// <summary>What filters make of a body's text.</summary>
    public static object? Filtered(JinjaFrame frame, JinjaExpression? filters, JinjaText text)
    {
        if (filters is null)
            return text;
        JinjaFrame inner = frame.Inner();
        inner.Scope.Set(Name, text);
        return inner.Evaluate(filters);
    }

    public override object? Evaluate(JinjaFrame frame) => frame.Scope.TryGet(Name, out object? text) ? text : JinjaText.Empty;
}

internal sealed record ListExpression(IReadOnlyList<JinjaExpression> Items, bool IsTuple) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) => new JinjaList([.. Items.Select(frame.Evaluate)], IsTuple);
}

internal sealed record DictionaryExpression(IReadOnlyList<(JinjaExpression Key, JinjaExpression Value)> Items) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame)
    {
        var result = new JinjaDictionary();
        foreach ((JinjaExpression key, JinjaExpression value) in Items)
            result.Set(frame.Evaluate(key), frame.Evaluate(value));
        return result;
    }
}

internal sealed record ConditionalExpression(JinjaExpression Condition, JinjaExpression Then, JinjaExpression? Else) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) => frame.IsTrue(Condition) ? frame.Evaluate(Then)
        : Else is not null ? frame.Evaluate(Else)
        : new JinjaUndefined("the inline if-expression has no 'else', and its condition is false");
}

internal sealed record LogicalExpression(JinjaExpression Left, JinjaExpression Right, bool IsOr) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame)
    {
        object? left = frame.Evaluate(Left);
        return JinjaValues.IsTrue(left) == IsOr ? left : frame.Evaluate(Right);
    }
}

internal sealed record NotExpression(JinjaExpression Value) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) => !frame.IsTrue(Value);
}

internal sealed record ComparisonExpression(JinjaExpression First, IReadOnlyList<(string Operator, JinjaExpression Right)> Rest)
    : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame)
    {
        object? left = frame.Evaluate(First);
        foreach ((string comparison, JinjaExpression expression) in Rest)
        {
            object? right = frame.Evaluate(expression);
            if (!JinjaOperators.Compare(frame.Budget, comparison, left, right))
                return false;
            left = right;
        }

        return true;
    }
}

internal sealed record ConcatenationExpression(IReadOnlyList<JinjaExpression> Items) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame)
    {
        var text = new JinjaText.Builder();
        foreach (JinjaExpression item in Items)
        {
            JinjaText part = JinjaValues.ToText(frame.Budget, frame.Evaluate(item));
            frame.Budget.Spend(part.Length);
            text.Append(part);
        }

        return text.ToText();
    }
}

internal sealed record BinaryExpression(string Operator, JinjaExpression Left, JinjaExpression Right) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) =>
        JinjaOperators.Compute(frame.Budget, Operator, frame.Evaluate(Left), frame.Evaluate(Right));
}

internal sealed record SignExpression(JinjaExpression Value, bool IsNegative) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) => JinjaOperators.Sign(frame.Evaluate(Value), IsNegative);
}

internal sealed record AttributeExpression(JinjaExpression Value, string Name) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) => JinjaAccess.Attribute(frame.Evaluate(Value), Name);
}

internal sealed record ItemExpression(JinjaExpression Value, JinjaExpression Index) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) =>
        JinjaAccess.Item(frame.Budget, frame.Evaluate(Value), frame.Evaluate(Index));
}

internal sealed record SliceExpression(JinjaExpression? Start, JinjaExpression? Stop, JinjaExpression? Step) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) => new JinjaSlice(
        Part(frame, Start), Part(frame, Stop), Part(frame, Step));

    private static long? Part(JinjaFrame frame, JinjaExpression? part) => part is null ? null : frame.Evaluate(part) switch
    {
        null => null,
        var value => JinjaValues.Integer(value, "a part of a slice"),
    };
}

internal sealed record CallExpression(JinjaExpression Function, JinjaArgumentList Arguments) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) => Evaluate(frame, null);

    /// <summary>Calls the function.</summary>
    /// <param name="frame">Where it is called.</param>
    /// <param name="caller">The body of a call block.</param>
    public object? Evaluate(JinjaFrame frame, JinjaFunction? caller)
    {
        object? function = frame.Evaluate(Function);
        JinjaArguments arguments = Arguments.Evaluate(frame);
        if (caller is not null)
            arguments = arguments.With("caller", caller);
        return function switch
        {
            JinjaFunction known => known.Call(frame, arguments),
            JinjaLoop { Again: { } again } when arguments.Positional.Count == 1 => again(arguments.Positional[0]),
            JinjaUndefined undefined => throw undefined.Error(),
            _ => throw new JinjaException($"{JinjaValues.TypeName(function)} cannot be called"),
        };
    }
}

internal sealed record FilterExpression(JinjaExpression Value, string Name, JinjaArgumentList Arguments) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) =>
        JinjaFilters.Apply(frame, Name, frame.Evaluate(Value), Arguments.Evaluate(frame));
}

internal sealed record TestExpression(JinjaExpression Value, string Name, JinjaArgumentList Arguments) : JinjaExpression
{
    public override object? Evaluate(JinjaFrame frame) =>
        JinjaTests.Holds(frame.Budget, Name, frame.Evaluate(Value), Arguments.Evaluate(frame));
}
